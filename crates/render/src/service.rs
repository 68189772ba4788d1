//! The service files in the packages of the agent: rendered from the templates that the bootstrap script fills in.

use stringless_core::fault::Fault;
use tera::Context;

use crate::site::NodeSettings;
use crate::templates::fill;

/// The service files of a package whose program is in `bin` and whose configuration is in `etc`: the name of each
/// in a folder of its init system, its text, and its mode.
///
/// They have the default schedule, and do nothing until there is an `agent.json`.
///
/// # Errors
/// When a built-in template is damaged.
pub fn files(bin: &str, etc: &str) -> Result<Vec<(&'static str, String, u32)>, Fault> {
    let node = NodeSettings::default();
    let mut context = Context::new();
    context.insert("packaged", &true);
    context.insert("paths", &serde_json::json!({"bin": bin, "etc": etc}));
    context.insert("daemon", &false);
    context.insert("due", &false);
    context.insert("interval", &node.interval.seconds());
    context.insert("splay", &node.splay.seconds());
    let files = [
        ("systemd/stringless.service", "init/systemd/service.tera", 0o644),
        ("systemd/stringless.timer", "init/systemd/timer.tera", 0o644),
        ("openrc/stringless", "init/openrc/service.tera", 0o755),
    ];
    files
        .into_iter()
        .map(|(name, template, mode)| Ok((name, format!("{}\n", fill(template, &context)?.trim_end()), mode)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_wait_for_the_configuration() {
        let files = files("/usr/bin", "/etc/stringless").unwrap();
        let [(_, service, _), (_, timer, _), (_, openrc, _)] = &files[..] else { panic!("{files:?}") };
        assert_eq!(
            service,
            "[Unit]\n\
             Wants=network-online.target\n\
             After=network-online.target\n\
             Description=Stringless: applies signed configuration\n\
             Documentation=man:stringless-agent(1)\n\
             ConditionPathExists=/etc/stringless/agent.json\n\
             [Service]\n\
             Type=oneshot\n\
             ExecStart=/usr/bin/stringless-agent --once\n\
             KillMode=mixed\n\
             OOMPolicy=continue\n"
        );
        assert_eq!(
            timer,
            "[Unit]\n\
             Description=Stringless: looks for signed configuration\n\
             Documentation=man:stringless-agent(1)\n\
             [Timer]\n\
             OnBootSec=30\n\
             OnUnitInactiveSec=300\n\
             RandomizedDelaySec=60\n\
             AccuracySec=1\n\
             [Install]\n\
             WantedBy=timers.target\n"
        );
        assert!(openrc.starts_with("#!/sbin/openrc-run\n"), "{openrc}");
        assert!(openrc.contains("\nrequired_files=/etc/stringless/agent.json\n"), "{openrc}");
    }
}
