//! The documents hold: their commands run, their links lead somewhere, their flags exist.
//!
//! The `sh` blocks of a document are one shell session in an empty folder, as for somebody who
//! pastes one after the other. A block marked `sh no-run <reason>` is not run; its commands are
//! looked up in the programs' own help.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod book;
mod document;
mod links;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use e2e::process::{both, run, succeed};
use e2e::tools;

use document::{Block, documents};

const LIMIT: Duration = e2e::process::PATIENCE;

#[test]
fn the_commands_of_each_document_run() {
    let Some(programs) = Programs::find() else { return };
    for document in documents() {
        let blocks: Vec<Block> = document.blocks().into_iter().filter(Block::runs).collect();
        if blocks.is_empty() {
            continue;
        }
        for tool in ["curl", "minisign", "openssl", "python3", "tar", "sha256sum"] {
            if blocks.iter().any(|b| b.text.contains(tool)) && tools::program(tool).is_none() {
                return;
            }
        }
        let home = tempfile::tempdir().unwrap();
        let mut script = String::from("set -eu\n");
        for block in &blocks {
            let place = format!("{}:{}", document.name(), block.line);
            script.push_str(&format!("printf '## %s\\n' '{place}' >&2\n{}\n", block.text));
        }
        let mut shell = programs.command("sh");
        shell.arg("-c").arg(&script).current_dir(home.path()).env("HOME", home.path());
        // Nobody is there to type the password that a page's `stringless init` asks for.
        shell.env("STRINGLESS_PASSWORD", "a password of the tests");
        let output = run(&mut shell, LIMIT);
        assert!(
            output.status.success(),
            "{}: the block after the last `##` line ended with {}\n{}",
            document.name(),
            output.status,
            both(&output)
        );
    }
}

#[test]
fn the_flags_of_each_command_exist() {
    let Some(programs) = Programs::find() else { return };
    let mut faults = Vec::new();
    for document in documents() {
        for block in document.blocks() {
            if block.info.starts_with("sh") && !block.runs() {
                assert!(
                    block.info.len() > "sh no-run ".len(),
                    "{}:{}: no reason",
                    document.name(),
                    block.line
                );
            }
            for words in block.commands() {
                if let Err(why) = programs.knows(&words) {
                    faults.push(format!("{}:{}: `{}`: {why}", document.name(), block.line, words.join(" ")));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_blocks_parse_and_name_files_as_they_are() {
    let mut faults = Vec::new();
    for document in documents() {
        for block in document.blocks() {
            let place = format!("{}:{}", document.name(), block.line);
            match block.info.split_once(' ') {
                None if block.info == "json" => {
                    if let Err(why) = serde_json::from_str::<serde_json::Value>(&block.text) {
                        faults.push(format!("{place}: {why}"));
                    }
                }
                Some(("sh", _)) => {
                    let output = run(Command::new("sh").args(["-n", "-c", &block.text]), LIMIT);
                    if !output.status.success() {
                        faults.push(format!("{place}: {}", both(&output)));
                    }
                }
                // A block that shows a file shows it as it is, without its comments.
                Some(("yaml", file)) => {
                    let text = fs::read_to_string(tools::root().join(file)).unwrap();
                    let lines = text.lines().filter(|line| !line.starts_with('#'));
                    if !lines.eq(block.text.lines()) {
                        faults.push(format!("{place}: not what is in {file}"));
                    }
                }
                _ => {}
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_exit_codes_are_the_agents_own() {
    let Some(agent) = tools::agent() else { return };
    let usage = succeed(Command::new(agent).arg("--help"), LIMIT);
    let codes = usage.split("exit codes:\n").nth(1).unwrap();
    let page = fs::read_to_string(tools::root().join("docs/concepts/first-boot.md")).unwrap();
    for line in codes.lines().filter(|line| !line.is_empty()) {
        let (code, meaning) = line.trim().split_once(' ').unwrap();
        let row = format!("| {code} | {} |", meaning.trim());
        assert!(page.contains(&row), "docs/concepts/first-boot.md lacks the row\n{row}");
    }
}

/// The programs under test, by the names that the documents use.
struct Programs {
    folder: tempfile::TempDir,
}

impl Programs {
    fn find() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        symlink(tools::generator()?, folder.path().join("stringless")).unwrap();
        symlink(tools::agent()?, folder.path().join("stringless-agent")).unwrap();
        Some(Self { folder })
    }

    /// A command that finds the programs first in its PATH.
    fn command(&self, program: &str) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(program);
        command.env("PATH", format!("{}:{path}", self.folder.path().display())).env("NO_COLOR", "1");
        command
    }

    /// Whether the program knows the subcommands and flags of a command.
    fn knows(&self, words: &[String]) -> Result<(), String> {
        let (program, rest) = (words[0].as_str(), &words[1..]);
        if program == "make" {
            let makefile = fs::read_to_string(tools::root().join("Makefile")).unwrap();
            let target = rest.first().map_or("", String::as_str);
            let known = makefile.lines().any(|line| line.starts_with(&format!("{target}:")));
            return if known { Ok(()) } else { Err("no such target".into()) };
        }
        let program = self.folder.path().join(program);
        let (site_file, rest) = match rest {
            [flag, _, rest @ ..] if flag == "-f" => (Some(flag), rest),
            _ => (None, rest),
        };
        let help = self.help(&program, rest)?;
        for flag in rest.iter().chain(site_file).filter(|word| word.starts_with('-') && *word != "-") {
            let name = flag.split('=').next().unwrap_or(flag);
            let listed = help.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).any(|w| w == name);
            if !listed {
                return Err(format!("its help does not list {name}"));
            }
        }
        Ok(())
    }

    /// The help of the longest subcommand that the words begin with; the agent's verbs share one.
    fn help(&self, program: &Path, words: &[String]) -> Result<String, String> {
        let plain = |word: &&String| word.chars().all(|c| c.is_ascii_lowercase());
        let mut subcommands: Vec<&String> = words.iter().take_while(plain).take(3).collect();
        loop {
            let mut command = self.command(&program.display().to_string());
            let output = run(command.args(&subcommands).arg("--help"), LIMIT);
            if output.status.success() {
                return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
            }
            if subcommands.len() < 2 {
                let verb = subcommands.pop().map(|verb| format!("\n  {verb} ")).ok_or("it has no help")?;
                let help = self.help(program, &[])?;
                return help.contains(&verb).then_some(help).ok_or("it has no help".into());
            }
            subcommands.pop();
        }
    }
}
