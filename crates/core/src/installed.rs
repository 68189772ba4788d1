//! Everything that an installation leaves on a machine: one table for `stringless-agent uninstall`, for
//! `docs/reference/installed.md`, and for the tests, which hold every rendered script against it.
//!
//! A path begins with one of the folders in braces, or is the same on each system. In a part of a path, `*` is
//! any text, and `#` is a SHA-256 in hex. What stands in the table is removed in its order.

/// A place on the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The kind of system that has it.
    pub on: Kind,
    /// The step of `uninstall` that removes it.
    pub step: Step,
    /// How it is removed.
    pub how: How,
    /// Its path.
    pub path: &'static str,
    /// What it is; for [`Step::Never`] also why it stays.
    pub what: &'static str,
}

/// A kind of system. `uninstall` does not ask for it: it looks at each path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Every system.
    Every,
    /// One with systemd.
    Systemd,
    /// One that a document for Ignition sets up.
    Ignition,
    /// One with OpenRC.
    Openrc,
    /// One with rc.d.
    Rc,
    /// One whose agent is started by cron, which reads `/etc/cron.d`.
    Cron,
    /// One whose agent is started by the cron of busybox.
    Crontab,
}

/// The steps of `uninstall`, in their order. The schedule is first, so that nothing starts the agent again; the
/// program is last, so that it can be called again after an interruption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// What starts something.
    Schedule,
    /// What the agent knows.
    State,
    /// What the administrator or the script wrote; `--keep-config` leaves out this step.
    Config,
    /// The program.
    Program,
    /// It stays.
    Never,
}

/// How something is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// A file or a link.
    File,
    /// The file with which the script says that it has succeeded. It stays where the boot agent runs the script
    /// at every boot, because without it the next boot would install everything again.
    Mark,
    /// A folder with all that is in it.
    Tree,
    /// A folder, if nothing is left in it.
    Folder,
    /// A unit of systemd: it is stopped, and its links in `*.wants` and `*.requires` go, too.
    Unit,
    /// A service of OpenRC: it is stopped, and its links in the runlevels go, too.
    Service,
    /// A script of rc.d: it is stopped.
    Script,
    /// The lines of a file that hold this text.
    Lines(&'static str),
    /// A link that keeps a unit of systemd from starting.
    Mask,
    /// The rule that restricts the metadata service: it is taken back, and then its file is removed.
    Rule,
}

/// The folders of configurations.
pub const ETC: &[&str] = &["/etc/stringless", "/usr/local/etc/stringless"];
/// The folders of state, unless `agent.json` names another one.
/// The last one is where the form `bootcmd` puts the state if `/var` has no place for programs, with a link to it.
pub const STATE: &[&str] = &["/var/lib/stringless", "/var/db/stringless", "/usr/local/lib/stringless"];
/// The folders of the program.
pub const BIN: &[&str] = &["/usr/local/bin", "/opt/bin", "/var/lib/stringless/bin"];
/// The program of a package.
pub const PACKAGED: &str = "/usr/bin/stringless-agent";
/// The text with which the content of the file `bootstrapped` begins where the script runs at every boot.
pub const EVERY_BOOT: &str = "boot-";

/// Every place.
pub const INSTALLED: &[Place] = &[
    unit("/etc/systemd/system/stringless.timer", "starts the agent at each interval"),
    unit("/etc/systemd/system/stringless.service", "runs the agent"),
    unit("/etc/systemd/system/stringless-bootstrap.service", "runs the script until it has succeeded"),
    place(
        Kind::Ignition,
        Step::Schedule,
        How::Unit,
        "/etc/systemd/system/stringless-first.service",
        "the first run, until it has succeeded",
    ),
    unit(
        "/etc/systemd/system/stringless-lock.service",
        "sets the rule for the metadata service at each boot",
    ),
    unit("/run/systemd/system/stringless-bootcmd.service", "runs the script in the form `bootcmd`"),
    schedule(Kind::Every, How::File, "/run/stringless-bootstrap.sh", "the script in the form `bootcmd`"),
    service("/etc/init.d/stringless", "runs the agent"),
    service("/etc/init.d/stringless-bootstrap", "runs the script until it has succeeded"),
    service("/etc/init.d/stringless-lock", "sets the rule for the metadata service at each boot"),
    schedule(Kind::Openrc, How::File, "/run/stringless-bootstrap.pid", "a process id"),
    schedule(Kind::Rc, How::Script, "/usr/local/etc/rc.d/stringless", "runs the agent"),
    schedule(Kind::Rc, How::Lines("stringless_enable="), "/etc/rc.conf", "enables the script of rc.d"),
    schedule(
        Kind::Rc,
        How::File,
        "/usr/local/etc/rc.d/stringless_bootstrap",
        "runs the script until it has succeeded",
    ),
    schedule(Kind::Rc, How::File, "/var/run/stringless*.pid", "process ids"),
    schedule(Kind::Cron, How::File, "/etc/cron.d/stringless", "starts the agent at each interval"),
    schedule(
        Kind::Cron,
        How::File,
        "/etc/cron.d/stringless-bootstrap",
        "runs the script until it has succeeded",
    ),
    schedule(
        Kind::Cron,
        How::File,
        "/etc/cron.d/stringless-lock",
        "sets the rule for the metadata service at each boot",
    ),
    schedule(
        Kind::Crontab,
        How::Lines("stringless-agent --once"),
        "/etc/crontabs/root",
        "starts the agent at each interval",
    ),
    schedule(
        Kind::Crontab,
        How::Lines("/etc/stringless/bootstrap.sh"),
        "/etc/crontabs/root",
        "runs the script until it has succeeded",
    ),
    schedule(
        Kind::Every,
        How::File,
        "{etc}/bootstrap.sh",
        "the script, until it has succeeded; it may hold keys",
    ),
    schedule(Kind::Every, How::File, "{etc}/bootstrap.sh.new", "the same, half written"),
    schedule(Kind::Every, How::Rule, "{etc}/lock", "the rule for the metadata service"),
    state(How::Mark, "{state}/bootstrapped", "the script has succeeded"),
    state(How::File, "{state}/last-run.json", "the report of the last run"),
    state(How::File, "{state}/runs.json", "the last runs that did something"),
    state(How::File, "{state}/upgrade.json", "how the agent came, and which one failed here"),
    state(How::File, "{state}/notices.json", "when notices were sent"),
    state(How::File, "{state}/signal", "what was said of the first run to what waits for it"),
    state(How::File, "{state}/role", "the role that a tag of the machine named"),
    state(How::File, "{state}/facts/stringless.*", "the facts for Puppet"),
    state(How::File, "{state}/facts/.*.new", "the same, half written"),
    state(How::Folder, "{state}/facts", "their folder"),
    state(How::File, "{state}/identity", "the answers of the metadata service"),
    state(How::File, "{state}/node", "the node's own id"),
    state(How::File, "{state}/engine", "which engine is running"),
    state(How::File, "{state}/.*.new", "a file, half written"),
    state(How::Tree, "{state}/layers/*", "state and releases of a layer"),
    state(How::Folder, "{state}/layers", "their folder"),
    state(How::File, "{state}/packs/#", "a pack"),
    state(How::Folder, "{state}/packs", "their folder"),
    place(Kind::Openrc, Step::State, How::File, "/var/log/stringless.log*", "the output of the agent"),
    place(Kind::Openrc, Step::State, How::File, "/var/log/stringless-bootstrap.log", "that of the script"),
    state(How::File, "{state}/lock", "the lock of a run"),
    state(How::Folder, "{state}", "the folder of state"),
    config(How::File, "{etc}/agent.json", "the agent's configuration; it may hold keys"),
    config(How::File, "{etc}/new", "the same, half written"),
    config(How::File, "{etc}/ca.pem", "the site's certificate authorities"),
    config(How::File, "{etc}/environment", "variables for the agent, if you wrote this file"),
    config(How::Folder, "{etc}", "the folder of configuration"),
    program(How::File, "{bin}/stringless-agent.*", "downloads, and the agent before an upgrade"),
    program(How::File, "/usr/bin/stringless-agent.*", "the same, beside the program of a package"),
    program(How::File, "{bin}/stringless-agent", "the agent"),
    // Where the program is in the folder of state, only now nothing is left in it.
    program(How::Folder, "{state}/bin", "the folder of the program, on a system that has no other"),
    program(How::Folder, "{state}", "the folder of state, if the program was in it"),
    never(
        Kind::Every,
        PACKAGED,
        "a package brought it, or an upgrade of what it brought: remove the package",
    ),
    place(
        Kind::Systemd,
        Step::Never,
        How::Mask,
        "/etc/systemd/system/puppet.service",
        "it keeps the engine's own daemon from starting; `systemctl unmask puppet` takes it back",
    ),
    never(
        Kind::Crontab,
        "/etc/crontabs/cron.update",
        "cron removes it as soon as it has read its tables again",
    ),
];

const fn place(on: Kind, step: Step, how: How, path: &'static str, what: &'static str) -> Place {
    Place { on, step, how, path, what }
}

const fn schedule(on: Kind, how: How, path: &'static str, what: &'static str) -> Place {
    place(on, Step::Schedule, how, path, what)
}

const fn unit(path: &'static str, what: &'static str) -> Place {
    schedule(Kind::Systemd, How::Unit, path, what)
}

const fn service(path: &'static str, what: &'static str) -> Place {
    schedule(Kind::Openrc, How::Service, path, what)
}

const fn state(how: How, path: &'static str, what: &'static str) -> Place {
    place(Kind::Every, Step::State, how, path, what)
}

const fn config(how: How, path: &'static str, what: &'static str) -> Place {
    place(Kind::Every, Step::Config, how, path, what)
}

const fn program(how: How, path: &'static str, what: &'static str) -> Place {
    place(Kind::Every, Step::Program, how, path, what)
}

const fn never(on: Kind, path: &'static str, what: &'static str) -> Place {
    place(on, Step::Never, How::File, path, what)
}

/// Whether one part of a path, a name, fits one part of a pattern.
#[must_use]
pub fn fits(pattern: &str, name: &str) -> bool {
    if pattern == "#" {
        return crate::hash::Sha256::parse(name).is_ok();
    }
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, end)) => {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        }
    }
}

impl Place {
    /// Whether a path belongs to this place: it is the place, in a tree that is removed with all that is in it,
    /// or a link to a unit or service.
    #[must_use]
    pub fn covers(&self, path: &str) -> bool {
        let Some((_, folders)) = [("{etc}", ETC), ("{state}", STATE), ("{bin}", BIN)]
            .into_iter()
            .find(|(name, _)| self.path.starts_with(name))
        else {
            return self.covers_parts(self.path.split('/'), path);
        };
        let rest = self.path.split_once('}').map_or("", |(_, rest)| rest);
        folders.iter().any(|folder| self.covers_parts(folder.split('/').chain(rest.split('/').skip(1)), path))
    }

    fn covers_parts<'a>(&self, mut parts: impl Iterator<Item = &'a str>, path: &str) -> bool {
        let mut names = path.split('/');
        if parts.all(|part| names.next().is_some_and(|name| fits(part, name))) {
            return self.how == How::Tree || names.next().is_none();
        }
        match self.how {
            How::Unit => self.is_linked_by(path, "/etc/systemd/system/"),
            How::Service => self.is_linked_by(path, "/etc/runlevels/"),
            _ => false,
        }
    }

    /// Whether the path is a link with this place's name, in a folder of `folder`.
    fn is_linked_by(&self, path: &str, folder: &str) -> bool {
        let link = path.strip_prefix(folder).and_then(|rest| rest.split_once('/'));
        link.is_some_and(|(_, name)| self.path.split('/').next_back() == Some(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(path: &str) -> bool {
        INSTALLED.iter().any(|place| place.covers(path))
    }

    #[test]
    fn covers_what_is_the_own_and_nothing_beside_it() {
        let hash = alloc::format!("{}", crate::hash::Sha256::of(b""));
        for path in [
            "/etc/systemd/system/stringless.timer",
            "/etc/systemd/system/timers.target.wants/stringless.timer",
            "/etc/runlevels/default/stringless",
            "/usr/local/etc/stringless/agent.json",
            "/var/db/stringless/layers/example/releases/1-a/production/text",
            &alloc::format!("/var/lib/stringless/packs/{hash}"),
            "/var/lib/stringless/.node.new",
            "/var/lib/stringless/bin/stringless-agent",
            "/opt/bin/stringless-agent.new.head",
            "/etc/stringless",
        ] {
            assert!(covered(path), "{path}");
        }
        for path in [
            "/etc/systemd/system/stringless.timer.d/own.conf",
            "/etc/systemd/system/timers.target.wants/other.timer",
            "/etc/stringless/own.conf",
            "/var/lib/stringless/packs/own",
            "/var/lib/stringless/own",
            "/usr/local/bin/stringless",
            "/usr/local/bin",
            "/etc",
            "/",
            "",
        ] {
            assert!(!covered(path), "{path}");
        }
    }

    #[test]
    fn each_step_is_in_its_order_and_each_folder_is_after_its_content() {
        let steps: alloc::vec::Vec<Step> = INSTALLED.iter().map(|place| place.step).collect();
        assert!(steps.is_sorted(), "{steps:?}");
        for (n, folder) in INSTALLED.iter().enumerate().filter(|(_, place)| place.how == How::Folder) {
            let inside = |place: &Place| {
                place.path.strip_prefix(folder.path).is_some_and(|rest| rest.starts_with('/'))
            };
            assert!(!INSTALLED[n..].iter().any(inside) || folder.path == "{state}", "{}", folder.path);
        }
    }
}
