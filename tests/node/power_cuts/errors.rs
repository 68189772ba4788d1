//! An error of the disk in each call that the agent makes, one at a time: the run says so and changes
//! nothing for good, or it gets on without; the next one converges.

use std::collections::BTreeMap;

use e2e::agent::Run;
use e2e::scenario::{Scenario, each};
use e2e::tools;

use crate::power_cuts::strace::{calls, run, works};

/// What reads or looks at the disk; a name that this machine's kernel lacks is passed over.
const READING: &str = "read,pread64,getdents64,open,openat,openat2,stat,lstat,fstat,newfstatat,statx,\
                       readlink,readlinkat,access,faccessat,faccessat2,lseek,flock,statfs,fstatfs";
/// What changes it.
const WRITING: &str = "write,pwrite64,fsync,fdatasync,syncfs,rename,renameat,renameat2,mkdir,mkdirat,\
                       unlink,unlinkat,rmdir,symlink,symlinkat,chmod,fchmod,fchmodat,ftruncate,\
                       copy_file_range,sendfile,fallocate";

#[test]
fn an_error_in_any_call_of_an_update() {
    errors_in(Scenario::update, &[("EIO", READING), ("EIO", WRITING), ("ENOSPC", WRITING)]);
}

#[test]
fn an_error_in_any_call_of_a_first_run() {
    errors_in(Scenario::first_run, &[("EIO", READING), ("ENOSPC", WRITING)]);
}

fn errors_in(making: fn(std::path::PathBuf) -> Scenario, kinds: &[(&str, &str)]) {
    let Some(agent) = tools::agent() else { return };
    if !works() {
        return;
    }
    let scenario = making(agent);
    let mut cases = Vec::new();
    for (error, names) in kinds {
        for (name, times) in counts(&scenario, names) {
            cases.extend((1..=times).map(|n| (*error, name.clone(), n)));
        }
    }
    let endings = std::sync::Mutex::new(BTreeMap::<i32, u32>::new());
    each(cases.len(), |number| {
        let (error, name, n) = &cases[number];
        let code = fail(&scenario, error, name, *n);
        *endings.lock().unwrap().entry(code).or_default() += 1;
    });
    let endings = endings.into_inner().unwrap();
    println!("{}: {} errors, exit codes {endings:?}", scenario.title, cases.len());
    assert!(cases.len() > 100 && endings.get(&1).is_some_and(|failed| *failed > 50), "{endings:?}");
}

/// How often a thread makes each of these calls in an undisturbed run: strace counts by thread.
fn counts(scenario: &Scenario, names: &str) -> BTreeMap<String, usize> {
    let mut threads = BTreeMap::<(String, String), usize>::new();
    let node = scenario.node();
    for call in calls(scenario, &node, &set(names)) {
        *threads.entry((call.name, call.thread)).or_default() += 1;
    }
    let mut most = BTreeMap::new();
    for ((name, _), times) in threads {
        let known = most.entry(name).or_insert(0);
        *known = times.max(*known);
    }
    most
}

fn set(names: &str) -> String {
    let names: Vec<_> = names.split(',').map(|name| format!("?{name}")).collect();
    format!("trace={}", names.join(","))
}

/// Lets one call fail, and returns the exit code of that run.
fn fail(scenario: &Scenario, error: &str, name: &str, n: usize) -> i32 {
    let when = format!("{error} in {name} number {n}");
    let node = scenario.node();
    let inject = format!("inject={name}:error={error}:when={n}");
    let run = run(scenario, &node, &["-o", "/dev/null", "-e", &format!("trace={name}"), "-e", &inject]);
    // The call that fails may be the one that tells; then the report does.
    let report = node.read("var/lib/stringless/last-run.json").unwrap_or_default();
    judge(&run, &report, &when);
    scenario.assert_whole(&node, &when);
    if run.code == 0 {
        scenario.assert_done(&node, &when);
    }
    if run.err.contains("removing old releases and packs") {
        scenario.assert_converges_unswept(&node, &when);
    } else {
        scenario.assert_converges(&node, &when);
    }
    run.code
}

/// Said, and to the point; never an abort.
fn judge(run: &Run, report: &str, when: &str) {
    let printed = format!("{when}: exit status {}\n{}{}", run.code, run.out, run.err);
    let tells = |text: &str| {
        let why = ["Input/output error", "I/O error", "No space left"].iter().any(|why| text.contains(why));
        why && text.contains("error")
    };
    let why = tells(&run.err);
    match run.code {
        0 => {}
        1 | 4 => assert!(why || tells(report), "{printed}"),
        78 => assert!(run.err.contains("agent.json") && why, "{printed}"),
        _ => panic!("{printed}"),
    }
}
