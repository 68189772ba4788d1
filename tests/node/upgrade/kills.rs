//! `kill -9` in every step of an upgrade: there is always an agent that works at the path, and the next run goes on.

use super::*;

/// The passages of an upgrade that are worth a kill: the parts of one long write are all alike.
fn passages(world: &World) -> Vec<(usize, String)> {
    let list = world.path("passed");
    Run::of(world.command(&["--once"]).env("STRINGLESS_PASSED", &list)).expect(0);
    let all: Vec<String> = fs::read_to_string(&list).unwrap().lines().map(str::to_owned).collect();
    let alike = |at: usize| all.get(at) == all.get(at.wrapping_sub(1)) && all.get(at) == all.get(at + 1);
    (0..all.len()).filter(|at| !alike(*at)).map(|at| (at + 1, all[at].clone())).collect()
}

fn world(agent: &Path, new: &[u8]) -> World {
    let world = World::new(agent);
    world.publish(7, OLD, &fs::read(agent).unwrap());
    world.once().expect(0);
    // The same content: the run is all about the agent.
    world.publish_as(8, NEW, new, |manifest| manifest.agent.allow_downgrade = true);
    world
}

#[test]
fn a_kill_in_every_step_of_an_upgrade() {
    let Some(agent) = tools::agent_with_checkpoints() else { return };
    // Debug symbols only make it slower to copy.
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("agent");
    process::succeed(Command::new("strip").arg("-o").arg(&small).arg(&agent), process::PATIENCE);
    let new = renamed(&small, NEW);
    let passages = passages(&world(&small, &new));
    assert!(passages.len() > 20, "{passages:?}");
    e2e::scenario::each(passages.len(), |number| {
        let (at, passage) = &passages[number];
        let when = format!("killed at passage {at}, {passage}");
        let world = e2e::scenario::again(&when, || {
            let world = world(&small, &new);
            let run = Run::of(world.command(&["--once"]).env("STRINGLESS_KILL_AT", at.to_string()));
            (run.code == -1).then_some(world)
        });
        let there = world.version();
        assert!(there == OLD || there == NEW, "{when}: {there}");
        let run = world.once().expect(0);
        assert_eq!((world.version().as_str(), world.applied().as_str()), (NEW, "8\n"), "{when}: {}", run.err);
        world.once().expect(0);
        assert_eq!(world.beside(), ["stringless-agent.previous"], "{when}");
        assert_eq!(world.record()["starts"], Value::Null, "{when}");
        assert_eq!(world.record()["quarantined"], Value::Null, "{when}");
    });
    println!("killed at each of {} passages", passages.len());
}

/// The new agent passes its trial, and is then killed in each of its runs.
#[test]
fn an_agent_that_completes_no_run_is_put_back() {
    let Some(agent) = tools::agent_with_checkpoints() else { return };
    let world = world(&agent, &renamed(&agent, NEW));
    world.once().expect(0);
    assert_eq!(world.version(), NEW);
    for starts in 1..=3 {
        // The first rename of a run is that of the record, which counts the start.
        let run = Run::of(world.command(&["--once"]).env("STRINGLESS_KILL_AT", "Renamed"));
        assert_eq!((run.code, &world.record()["starts"]), (-1, &json!(starts)), "{}", run.err);
    }
    let run = world.once().expect(0);
    assert!(run.err.contains(&format!("putting agent {OLD} back")), "{}", run.err);
    assert!(run.err.contains(&format!("agent {NEW} is left alone since ")), "{}", run.err);
    assert_eq!(world.version(), OLD);
    assert_eq!(world.report()["agent"], OLD);
    world.once().expect(0);
    assert_eq!(world.version(), OLD, "until another one is pinned");
}
