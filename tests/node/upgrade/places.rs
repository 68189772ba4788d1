//! Where an agent lies: its label, and folders that no new one can be put into.

use rustix::fs::{XattrFlags, getxattr, setxattr};

use super::*;

/// SELinux lets systemd start only what has the label of a program. The label is an attribute of the file, so it can
/// be looked at without SELinux, too.
#[test]
fn the_new_agent_has_the_label_of_the_old_one() {
    if tools::superuser().is_none() {
        return;
    }
    let Some(agent) = tools::agent() else { return };
    let world = World::new(&agent);
    let label = b"system_u:object_r:bin_t:s0\0";
    setxattr(world.agent(), "security.selinux", label, XattrFlags::empty()).unwrap();
    world.publish(8, NEW, &renamed(&agent, NEW));
    world.once().expect(0);
    assert_eq!(world.version(), NEW);
    for name in ["stringless-agent", "stringless-agent.previous"] {
        let mut found = [0; 64];
        let length = getxattr(world.path("bin").join(name), "security.selinux", &mut found).unwrap();
        assert_eq!(&found[..length], label, "{name}");
    }
}

#[test]
fn a_folder_for_no_program_is_reported_once_and_a_full_one_in_each_run() {
    if tools::superuser().is_none() {
        return;
    }
    let Some(agent) = tools::agent() else { return };
    let new = renamed(&agent, NEW);
    // Room for the old one and half of the new one.
    let size = new.len() + new.len() / 2;
    let (remount, run) = ("mount -o remount,", "exec \"$BIN/stringless-agent\"");
    // The agent was started before: from the file system that another view of it now hides.
    let noexec =
        "exec 3<\"$BIN/stringless-agent\"; mount --bind \"$BIN\" \"$BIN\" && mount -o remount,bind,noexec";
    for (size, change, run, why, after) in [
        ("1g".to_owned(), format!("{remount}ro"), run, "the image must bring the new agent", 0),
        ("1g".to_owned(), noexec.to_owned(), "exec /proc/self/fd/3", "is mounted noexec", 0),
        (size.to_string(), format!("{remount}size={size}"), run, "making room in ", 1),
    ] {
        let world = World::new(&agent);
        world.publish(8, NEW, &new);
        // The agent runs from a small file system of its own, in a mount namespace of its own.
        let script = format!(
            "mount -t tmpfs -o mode=755,size={size} none \"$BIN\" && cp \"$AGENT\" \"$BIN/stringless-agent\" && \
             {change} none \"$BIN\" && {run} --config \"$CONFIG\" --once"
        );
        for round in 0..2 {
            let mut command = Command::new("unshare");
            command.args(["--mount", "sh", "-ec", &script]).env("OUT", world.folder.path());
            command
                .env("BIN", world.path("bin"))
                .env("AGENT", &agent)
                .env("CONFIG", world.path("agent.json"));
            let done = Run::of(&mut command).expect(0);
            assert_eq!(world.applied(), "8\n");
            assert_eq!(done.err.contains(why), round == 0 || after == 1, "{why}: {}", done.err);
        }
        let status = world.run(&["status"]).expect(0).out;
        let said = status.contains(&format!("warning     agent {NEW} cannot be installed at "));
        assert_eq!(said, after == 0, "{status}");
    }
}
