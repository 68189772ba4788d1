//! The daemon reads its configuration again after SIGHUP: its service manager must be able to send it.

use std::collections::BTreeSet;

use super::every_pair::every_request;

#[test]
fn each_service_of_a_daemon_can_be_reloaded() {
    let ways = [
        (
            "systemd",
            "ExecStart={bin}/stringless-agent --daemon\nExecReload=/bin/systemctl kill --kill-who=main -s HUP stringless\n",
        ),
        ("rc", "extra_commands=reload\nreload_cmd='kill -HUP $(cat $agent_pid)'\n"),
        ("nixos", "--daemon\";\n      ExecReload = \"/run/current-system/sw/bin/kill -HUP $MAINPID\";\n"),
    ];
    let mut seen = BTreeSet::new();
    every_request(|name, request, data| {
        let starts =
            |line: &&str| line.contains("stringless-agent --daemon") || line.contains("{agent} --daemon");
        if data.body.lines().any(|line| starts(&line)) {
            let init = request.distro.init.as_str();
            // OpenRC has no such line: its script has no room for one within the bounds.
            let Some((init, way)) = ways.iter().find(|(known, _)| *known == init) else { return };
            let way = way.replace("{bin}", &request.distro.paths.bin);
            // A document has its lines in another form.
            let found = way.lines().all(|line| data.body.contains(line));
            assert!(found, "{name}: no reload in\n{}", data.body);
            seen.insert(*init);
        }
    });
    assert_eq!(seen.len(), ways.len(), "{seen:?}");
}
