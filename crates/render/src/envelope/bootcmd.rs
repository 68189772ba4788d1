//! The form `bootcmd`: a cloud-config that works on images whose `/var` is mounted `noexec`. No IO.
//!
//! cloud-init executes scripts, and what `runcmd` becomes, as files below `/var`, and skips them there. The
//! commands of `bootcmd` are read by `/bin/sh`, early, and at every boot.

/// The file that shows what the script printed: it runs as a unit of its own.
pub(crate) const LOG: &str = "journalctl -u stringless-bootcmd";

/// The cloud-config. `bootcmd` runs before the network is sure to be up, and other units wait for it; so it only
/// starts a unit that runs the script later. Without systemd it runs the script itself. The state of the agent holds
/// programs that the engine `script` executes, so it goes to a file system where they can be.
pub(crate) fn cloud_config(script: &str, state: &str, heading: &str) -> String {
    let command = format!(
        "[ -e {state}/bootstrapped ] || (\n\
         [ -e {state} ] || {{ mkdir -p -m 700 {STATE} && ln -s {STATE} {state}; }}\n\
         umask 077\n\
         cat >{SCRIPT} <<'BOOTCMD'\n\
         {script}\
         BOOTCMD\n\
         [ -d /run/systemd/system ] || exec sh {SCRIPT}\n\
         cat >/run/systemd/system/stringless-bootcmd.service <<'UNIT'\n\
         [Unit]\n\
         Wants=network-online.target\n\
         After=network-online.target\n\
         [Service]\n\
         Type=oneshot\n\
         ExecStart=/bin/sh {SCRIPT}\n\
         Restart=on-failure\n\
         RestartSec=30\n\
         UNIT\n\
         systemctl daemon-reload\n\
         systemctl start --no-block stringless-bootcmd\n\
         )\n"
    );
    // One space is enough, and some clouds take little more than the script.
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!(" {line}\n") };
    let block: String = command.lines().map(line).collect();
    format!("#cloud-config\n{heading}bootcmd:\n- |\n{block}")
}

/// Written again at every boot until the script has succeeded. It may hold a key: only root can read it.
const SCRIPT: &str = "/run/stringless-bootstrap.sh";
/// Where the state is kept.
const STATE: &str = "/usr/local/lib/stringless";
