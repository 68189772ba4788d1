//! The reference, `docs/reference/`: written from the platforms, the command line and the table of exit codes, so
//! that it says what the program does. `make golden` writes it, and a test compares it.

mod installed;

use std::fmt::Write as _;

use clap::{Command, CommandFactory};
use stringless_core::report::Outcome;
use stringless_render::platform::{Cloud, Distro, Form, Level, Platforms};

use crate::cli::Cli;
use crate::commands::list::BOOTED;
use crate::error::Result;
use crate::schemas::{self, Described};

/// Every page: the name of its file, and its Markdown.
///
/// # Errors
/// When the embedded data of platforms is damaged.
pub fn pages() -> Result<Vec<(String, String)>> {
    let platforms = Platforms::embedded()?;
    let described = schemas::all()?;
    let pages = [
        ("distros.md", distros(&platforms)),
        ("clouds.md", clouds(&platforms)),
        ("pairs.md", pairs(&platforms)),
        ("cli.md", cli()),
        ("errors.md", errors()),
        ("installed.md", installed::page(&platforms)),
        ("schemas.md", schemas(&described)),
    ];
    let pages = pages.into_iter().map(|(name, text)| (name.to_owned(), format!("{GENERATED}\n{text}")));
    let files =
        described.iter().map(|one| Ok((format!("schemas/{}.json", one.name), schemas::text(&one.schema)?)));
    pages.map(Ok).chain(files).collect()
}

fn distros(platforms: &Platforms) -> String {
    let mut text = String::from(
        "# Distributions\n\nThe distributions that `stringless render DISTRO CLOUD` knows. The agent is one static file on each of them; \
         the Puppet engine comes as a package.\n\n\
         | id | also | name | supported until | first boot | CPUs | service | OpenVox | its own Puppet |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for distro in &platforms.distros {
        let own = distro.puppet.distro.as_deref().map_or("none".to_owned(), |name| format!("`{name}`"));
        let openvox = match (&distro.puppet.openvox, &distro.puppet.none) {
            (Some(url), _) => format!("[release package]({url})"),
            (None, Some(why)) => format!("none: {why}"),
            (None, None) => "none".into(),
        };
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} | {} | {} | {openvox} | {own} |",
            distro.id,
            quoted(&distro.aliases),
            distro.name,
            distro.supported_until(),
            distro.first_boot,
            cpus(distro),
            distro.init,
        );
    }
    text.push_str(
        "\n## Boot agents\n\nThe programs that run user-data on the images of these distributions. The column *output* says where to \
         read how a first boot went.\n\n\
         | id | forms | unpacks gzip | runs it | output | documentation |\n|---|---|---|---|---|---|\n",
    );
    for agent in &platforms.boot_agents {
        let forms: Vec<&str> = agent.forms.iter().map(|form| form.as_str()).collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | `{}` | <{}> |",
            agent.id,
            forms.join(", "),
            if agent.gzip { "yes" } else { "no" },
            if agent.every_boot { "at every boot" } else { "once" },
            agent.log,
            agent.docs,
        );
    }
    for agent in &platforms.boot_agents {
        for note in &agent.notes {
            let _ = write!(text, "\n{}: {note}\n", agent.name);
        }
    }
    text
}

fn cpus(distro: &Distro) -> String {
    let cpus = distro.targets.iter().filter_map(|target| target.as_str().split('-').next());
    cpus.collect::<Vec<_>>().join(", ")
}

fn clouds(platforms: &Platforms) -> String {
    let mut text = String::from(
        "# Clouds\n\nFor each cloud: where the output of `stringless render DISTRO CLOUD` goes, which forms and sizes it may \
         have, and who can read it there.\n",
    );
    for cloud in &platforms.clouds {
        let _ = write!(text, "\n## {}\n\n`{}`", cloud.name, cloud.id);
        if !cloud.aliases.is_empty() {
            let _ = write!(text, ", also {}", quoted(&cloud.aliases));
        }
        let _ = write!(text, ": <{}>\n\n| | |\n|---|---|\n", cloud.docs);
        for [name, value] in facts(platforms, cloud) {
            let _ = writeln!(text, "| {name} | {value} |");
        }
        for note in cloud.notes.iter().chain(cloud.notes_for.values().flatten()) {
            let _ = write!(text, "\n{note}\n");
        }
    }
    text
}

fn facts(platforms: &Platforms, cloud: &Cloud) -> Vec<[String; 2]> {
    let mut rows = vec![["paste into".to_owned(), cloud.paste_into.clone()]];
    for (agent, place) in &cloud.paste_elsewhere {
        rows.push([format!("with {agent}"), place.clone()]);
    }
    for (encoding, place) in &cloud.paste_encoded {
        rows.push([format!("as {}", encoding.as_str()), place.clone()]);
    }
    let forms: Vec<&str> =
        Form::ALL.into_iter().filter(|form| takes(platforms, cloud, *form)).map(Form::as_str).collect();
    rows.push(["forms".into(), forms.join(", ")]);
    let encodings: Vec<&str> = cloud.encodings.iter().map(|encoding| encoding.as_str()).collect();
    rows.push(["encodings".into(), encodings.join(", ")]);
    let limit = cloud
        .max_bytes
        .map_or("none stated".to_owned(), |max| format!("{max} bytes, {}", cloud.counts.as_str()));
    rows.push(["limit".into(), limit]);
    rows.push(["readable by".into(), cloud.readable_by.clone()]);
    let credentials: Vec<String> = cloud
        .credentials
        .iter()
        .filter_map(|kind| serde_yaml::to_string(kind).ok())
        .map(|s| s.trim().to_owned())
        .collect();
    rows.push(["credentials".into(), credentials.join(", ")]);
    rows.push(["node id".into(), cloud.node_id.clone()]);
    let tags = cloud.tags.as_ref().map(|tags| format!("yes: {}", tags.needs.replace("{key}", "KEY")));
    rows.push(["`node.role_from`".into(), tags.unwrap_or_else(|| "no: use `--role`".into())]);
    if let Some(store) = &cloud.object_store {
        let endpoint = store.endpoint.as_deref().unwrap_or("the agent's own default");
        rows.push([
            "object store".into(),
            format!("[{}]({}): endpoint {endpoint}, region `{}`", store.name, store.docs, store.region),
        ]);
    }
    rows
}

fn takes(platforms: &Platforms, cloud: &Cloud, form: Form) -> bool {
    let here = |id: &str| cloud.boot_agents.iter().any(|agent| agent.as_str() == id);
    platforms.boot_agents.iter().any(|agent| here(&agent.id) && agent.forms.contains(&form))
}

fn pairs(platforms: &Platforms) -> String {
    let mut text = String::from("# How far each pair was tested\n\n");
    let _ = write!(
        text,
        "The tests wrote this table from what they saw, in their last run for `crates/render/levels.yaml`.\n\n\
         | | |\n|---|---|\n"
    );
    for level in Level::ALL {
        let _ = writeln!(text, "| {} | {}: {} |", letter(level), level.as_str(), level.means());
    }
    let _ = write!(
        text,
        "| | no boot agent of the distribution gets user-data on this cloud |\n\n{BOOTED}.\n\n| |"
    );
    for cloud in &platforms.clouds {
        let _ = write!(text, " {} |", cloud.id);
    }
    let _ = write!(text, "\n|---|{}\n", "---|".repeat(platforms.clouds.len()));
    for distro in &platforms.distros {
        let _ = write!(text, "| {} |", distro.id);
        for cloud in &platforms.clouds {
            let reached = platforms.boot_agent(distro, cloud, None).is_some();
            let _ = write!(text, " {} |", if reached { letter(platforms.level(distro, cloud)) } else { "" });
        }
        text.push('\n');
    }
    text
}

fn letter(level: Level) -> &'static str {
    match level {
        Level::Booted => "**B**",
        Level::RanInRoot => "R",
        Level::RanWithPackageTool => "P",
        Level::Linted => "l",
    }
}

fn cli() -> String {
    let mut command = Cli::command().term_width(100);
    command.build();
    let mut text = String::from("# The command line\n\nThe output of `--help` for every command.\n");
    help(&mut command, "stringless", &mut text);
    text
}

fn help(command: &mut Command, name: &str, text: &mut String) {
    let long = command.render_long_help().to_string();
    let lines: Vec<&str> = long.lines().map(str::trim_end).collect();
    let _ = write!(text, "\n## {name}\n\n```text\n{}\n```\n", lines.join("\n").trim_end());
    for sub in command.get_subcommands_mut().filter(|sub| sub.get_name() != "help" && !sub.is_hide_set()) {
        let name = format!("{name} {}", sub.get_name());
        help(sub, &name, text);
    }
}

fn errors() -> String {
    let mut text = String::from(
        "# Exit codes\n\nThe exit codes of `stringless-agent`. `stringless` has the same table, but exits with 2 if `diff --exit-code`, \
         `modules outdated` or `render --check` found differences.\n\n| code | meaning |\n|---|---|\n",
    );
    for outcome in Outcome::ALL {
        let _ = writeln!(text, "| {} | {} |", outcome.exit_code(true), outcome.meaning());
    }
    text
}

fn schemas(all: &[Described]) -> String {
    let mut text = String::from(
        "# Schemas\n\nJSON Schemas (draft 7), made from the types of the program. `stringless schema NAME` prints each of them; \
         `stringless schema` lists the names.\n\n\
         The first three are for files that people write: a file with a key that is not in the schema is refused. \
         `stringless init` writes the one of the site file beside it, with a line that names it, so that editors with a \
         language server for YAML complete keys and mark mistakes, without network. After an upgrade, \
         `stringless schema site > stringless.schema.json` writes it again. A schema knows the form of each value; \
         `stringless check` also knows the rules between them.\n\n\
         The others are for what `--json` prints. Such objects grow: a later version may add keys, and values to the \
         lists of possible words. Pass over keys that you do not know. A key is never removed, and keeps its type and \
         meaning, as long as `format` is the same.\n\n\
         | schema | of |\n|---|---|\n",
    );
    for one in all {
        let of: Vec<String> = one.of.split(", ").map(|of| format!("`{of}`")).collect();
        let _ = writeln!(text, "| [{0}](schemas/{0}.json) | {1} |", one.name, of.join(", "));
    }
    text
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

const GENERATED: &str = "<!-- Written by `make golden` from the platforms and the program. -->";
