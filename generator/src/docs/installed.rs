//! The page that says what an installation leaves on each kind of system, and what removes it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use stringless_core::installed::{How, INSTALLED, Kind, Place, Step};
use stringless_render::platform::{Distro, Form, Platforms};

/// The page.
pub(super) fn page(platforms: &Platforms) -> String {
    let mut text = String::from(
        "# What is installed where\n\n`stringless-agent uninstall` removes what is in these tables and nothing else, in \
         the order of its steps: *schedule*, *state*, *configuration*, *program*. See [Remove the agent from a \
         machine](../guides/uninstall.md).\n\nIn a path, `*` is any text and `#` a SHA-256.\n\n## Folders\n\n\
         | `{bin}` | `{etc}` | `{state}` | distributions |\n|---|---|---|---|\n",
    );
    let mut folders: BTreeMap<[&str; 3], Vec<&Distro>> = BTreeMap::new();
    for distro in &platforms.distros {
        let paths = &distro.paths;
        folders.entry([&paths.bin, &paths.etc, &paths.state]).or_default().push(distro);
    }
    for ([bin, etc, state], distros) in folders {
        let _ = writeln!(text, "| `{bin}` | `{etc}` | `{state}` | {} |", ids(&distros));
    }
    text.push_str("\n`state_dir` in `agent.json` may name another `{state}`.\n");
    for (kind, title, about) in KINDS {
        let _ = write!(text, "\n## {title}\n\n{}\n\n", about.replace("DISTROS", &of_kind(platforms, kind)));
        text.push_str("| path | what it is | what removes it |\n|---|---|---|\n");
        for place in INSTALLED.iter().filter(|place| place.on == kind) {
            let _ = writeln!(text, "| {} | {} | {} |", path(place), place.what, removal(place));
        }
    }
    let declared: Vec<&Distro> =
        platforms.distros.iter().filter(|distro| takes(platforms, distro, Form::Nix)).collect();
    let _ = write!(
        text,
        "\n## A system that is built from a description\n\nOn {}, the units, `{{etc}}/agent.json` and mostly the \
         program are part of the system's own configuration, so `uninstall` refuses: take the module out of the \
         configuration and out of the user-data, and build the system. What then is left is `{{state}}`.\n\n{}",
        ids(&declared),
        OTHERS
    );
    text
}

/// The kinds of systems in the order of the page, with title and introduction.
const KINDS: [(Kind, &str, &str); 7] = [
    (Kind::Every, "Every system", "Whatever starts the agent."),
    (Kind::Systemd, "systemd", "DISTROS."),
    (
        Kind::Ignition,
        "Ignition",
        "DISTROS; besides the units of systemd. Ignition runs only at the first boot of a machine: the next boot brings nothing back.",
    ),
    (Kind::Openrc, "OpenRC", "DISTROS."),
    (Kind::Rc, "rc.d", "DISTROS."),
    (Kind::Cron, "cron", "With `node.schedule: cron`, and on machines without a service manager."),
    (
        Kind::Crontab,
        "The cron of busybox",
        "On systems of OpenRC, with `node.schedule: cron` or where OpenRC does not run. `crond` stays enabled: other jobs may need it.",
    ),
];

/// What no table can name.
const OTHERS: &str = "## What stays\n\n\
- What an engine applied: files, packages, users, services.\n\
- The package of OpenVox or Puppet, the package of its repository, and its key.\n\
- The user-data: at the cloud, and as a copy of the boot agent (such as `/var/lib/cloud`). It may hold keys.\n\
- The journal, and the logs of the boot agent.\n\
- What the administrator put into these folders, such as `stringless.service.d/`.\n";

/// The distros of a kind.
fn of_kind(platforms: &Platforms, kind: Kind) -> String {
    // A kind of service manager has the name that the data of the distros give it.
    let name = format!("{kind:?}").to_lowercase();
    let fits = |distro: &&Distro| match kind {
        Kind::Ignition => takes(platforms, distro, Form::Ignition),
        _ => distro.init.as_str() == name,
    };
    ids(&platforms.distros.iter().filter(fits).collect::<Vec<_>>())
}

fn takes(platforms: &Platforms, distro: &Distro, form: Form) -> bool {
    let of = |id: &str| distro.boot_agents.iter().any(|agent| agent.as_str() == id);
    platforms.boot_agents.iter().any(|agent| of(&agent.id) && agent.forms.contains(&form))
}

fn ids(distros: &[&Distro]) -> String {
    distros.iter().map(|distro| format!("`{}`", distro.id)).collect::<Vec<_>>().join(", ")
}

fn path(place: &Place) -> String {
    let path = place.path;
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    match place.how {
        How::Unit => format!("`{path}`, and its links in `{folder}/*.wants`"),
        How::Service => format!("`{path}`, and its links in `/etc/runlevels/*`"),
        How::Lines(line) => format!("`{path}`: lines with `{line}`"),
        How::Tree => format!("`{path}/`, with all that is in it"),
        How::Folder => format!("`{path}/`, if nothing else is in it"),
        How::File | How::Mark | How::Mask | How::Script | How::Rule => format!("`{path}`"),
    }
}

fn removal(place: &Place) -> &'static str {
    match (place.step, place.how) {
        (Step::Schedule, How::Unit | How::Service | How::Script) => "schedule: stopped, then removed",
        (Step::Schedule, How::Rule) => "schedule: the rule is taken back, then the file is removed",
        (Step::Schedule, _) => "schedule",
        (Step::State, How::Mark) => "state; it stays where the user-data runs at every boot",
        (Step::State, _) => "state",
        (Step::Config, _) => "configuration; nothing with `--keep-config`",
        (Step::Program, _) => "program",
        (Step::Never, _) => "nothing",
    }
}
