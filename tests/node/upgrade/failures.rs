//! A new agent that is no good, or that cannot be had: the old one stays, says why, and goes on.

use super::*;

/// Release 8 pins `file`; the run applies the release with the agent at hand, and leaves that version alone.
fn leaves_alone(agent: &Path, file: &[u8], why: &str) {
    let world = World::new(agent);
    world.publish(8, NEW, file);
    let seconds = |command: &mut Command| Run::of(command.env("STRINGLESS_TRIAL_SECONDS", "3"));
    let run = seconds(&mut world.command(&["--once"])).expect(0);
    let text = format!("agent {NEW} is not installed, and left alone: ");
    assert!(run.err.contains(&text) && run.err.contains(why), "{why}: {}", run.err);
    assert_eq!((world.version().as_str(), world.applied().as_str()), (OLD, "8\n"), "{why}");
    assert!(world.beside().is_empty(), "{why}: {:?}", world.beside());
    let report = world.report();
    assert_eq!(report["quarantined"]["version"], NEW, "{report}");
    assert!(report["warnings"][0].as_str().unwrap().contains(why), "{report}");
    // It is not fetched again, and every run says so.
    fs::remove_file(world.forge.bucket().join(key(NEW))).unwrap();
    let run = world.once().expect(0);
    assert!(
        run.err.contains(&format!("agent {NEW} is left alone since ")) && run.err.contains(why),
        "{}",
        run.err
    );
    let status = world.run(&["status"]).expect(0).out;
    assert!(status.contains(&format!("warning     agent {NEW} failed here at ")), "{status}");
    // An idle run writes no report for it.
    let saved = fs::read(world.path("state/last-run.json")).unwrap();
    world.once().expect(0);
    assert_eq!(fs::read(world.path("state/last-run.json")).unwrap(), saved, "{why}");
    // Another one is tried.
    world.publish(9, "0.9.8", &renamed(agent, "0.9.8"));
    world.once().expect(0);
    assert_eq!((world.version().as_str(), world.applied().as_str()), ("0.9.8", "9\n"), "{why}");
    world.once().expect(0);
    assert_eq!(world.report()["quarantined"], Value::Null);
}

#[test]
fn an_agent_that_another_program_installed_is_not_replaced() {
    let Some(agent) = tools::agent() else { return };
    let world = World::new(&agent);
    fs::write(world.path("third"), renamed(&agent, "0.9.8")).unwrap();
    let minimum = Version::parse(NEW).unwrap();
    // Only the new agent, in its first run, applies this release, whose script installs a third one.
    world.publish_as(8, NEW, &renamed(&agent, NEW), |manifest| {
        let script = "cd \"$OUT\" && chmod 755 third && mv third bin/stringless-agent && echo 8 >applied";
        manifest.packs = vec![world.forge.script(script)];
        manifest.agent.minimum = minimum;
    });
    let run = world.once();
    assert!(run.err.contains("is not the agent that runs"), "{}", run.err);
    assert_eq!((world.version().as_str(), world.applied().as_str()), ("0.9.8", "8\n"), "{}", run.err);
    assert_eq!(world.record()["installed"], Value::Null);
}

#[test]
fn an_agent_on_trial_follows_no_pin() {
    let Some(agent) = tools::agent() else { return };
    let world = World::new(&agent);
    fs::copy(&agent, world.path("bin/stringless-agent.new")).unwrap();
    world.publish(8, NEW, &renamed(&agent, NEW));
    let mut command = Command::new(world.path("bin/stringless-agent.new"));
    command.arg("--config").arg(world.path("agent.json")).arg("--once").env("OUT", world.folder.path());
    Run::of(&mut command).expect(0);
    assert_eq!((world.version().as_str(), world.applied().as_str()), (OLD, "8\n"));
    assert_eq!(world.beside(), ["stringless-agent.new"]);
    // The agent at work does.
    world.once().expect(0);
    assert_eq!(world.version(), NEW);
}

#[test]
fn an_agent_that_crashes_at_its_start_is_left_alone() {
    let Some(agent) = tools::agent() else { return };
    leaves_alone(&agent, &fake("kill -SEGV $$"), "its check was ended by signal 11");
}

#[test]
fn an_agent_that_crashes_in_its_first_run_is_left_alone() {
    let Some(agent) = tools::agent() else { return };
    leaves_alone(&agent, &fake("[ \"$1\" = check ] || kill -ABRT $$"), "its first run was ended by signal 6");
}

#[test]
fn an_agent_that_panics_is_left_alone() {
    let Some(agent) = tools::agent() else { return };
    let script = "echo 'error: a fault of the agent itself at src/x.rs:1:1: index out of bounds' >&2; exit 1";
    leaves_alone(&agent, &fake(script), "its last words: error: a fault of the agent itself");
}

#[test]
fn an_agent_that_hangs_is_left_alone() {
    let Some(agent) = tools::agent_with_checkpoints() else { return };
    leaves_alone(&agent, &fake("exec sleep 1000"), "its check was ended after its time limit of 3 seconds");
    let script = fake("[ \"$1\" = check ] || exec sleep 1000");
    leaves_alone(&agent, &script, "its first run was ended after its time limit of 3 seconds");
}

/// Every run would install it again.
#[test]
fn an_agent_of_another_version_is_left_alone() {
    let Some(agent) = tools::agent() else { return };
    let other = "it is another version: it says `stringless-agent 0.9.7`";
    leaves_alone(&agent, &renamed(&agent, "0.9.7"), other);
}

#[test]
fn an_agent_for_another_cpu_is_left_alone() {
    let Some(agent) = tools::agent() else { return };
    let mut file = fs::read(&agent).unwrap();
    // The machine of the ELF header: one that no kernel here runs.
    file[18..20].copy_from_slice(&[0xf0, 0x7f]);
    leaves_alone(&agent, &file, "this machine cannot run it: it is for another CPU or system");
}

#[test]
fn an_agent_that_cannot_read_the_state_is_left_alone() {
    let Some(agent) = tools::agent() else { return };
    let script = "echo 'error: reading `state.json`: format 1 is not supported' >&2; exit 78";
    leaves_alone(&agent, &fake(script), "its check ended with status 78");
    let script = format!("[ \"$1\" = check ] && exit 0; {script}");
    leaves_alone(&agent, &fake(&script), "its first run ended with status 78");
}

/// The store lacks the file, cuts it off, or has another one: the next run tries again.
#[test]
fn what_the_store_does_not_have_is_fetched_later() {
    let Some(agent) = tools::agent() else { return };
    let good = renamed(&agent, NEW);
    let mut other = good.clone();
    *other.last_mut().unwrap() ^= 1;
    let longer = [&good[..], b"more"].concat();
    let faults: [(&str, Option<&[u8]>); 4] = [
        ("there is no such object", None),
        ("cut off after ", Some(&good[..good.len() / 2])),
        ("it is not the agent that the manifest names", Some(&other)),
        ("it is not the agent that the manifest names", Some(&longer)),
    ];
    for (why, there) in faults {
        let world = World::new(&agent);
        world.publish(8, NEW, &good);
        match there {
            None => fs::remove_file(world.forge.bucket().join(key(NEW))).unwrap(),
            Some(bytes) => world.forge.put(&key(NEW), bytes),
        }
        for _ in 0..2 {
            let run = world.once().expect(0);
            assert!(
                run.err.contains(why) && run.err.contains("the next run tries again"),
                "{why}: {}",
                run.err
            );
            assert_eq!((world.version().as_str(), world.applied().as_str()), (OLD, "8\n"), "{why}");
        }
        assert_eq!(world.record(), Value::Null, "{why}");
        world.forge.put(&key(NEW), &good);
        let run = world.once().expect(0);
        assert_eq!(world.version(), NEW, "{why}: {}", run.err);
    }
}
