//! `stringless`: one match from command to function, and the only place that exits.

use std::io::{IsTerminal, Write, stderr};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use stringless::cli::{AgentCommand, Cli, Command};
use stringless::commands::{
    agent, build, check, diff, gc, history, init, keygen, keys, layer, list, manual, mirror, modules, policy,
    promote, publish, refresh, render, rollback, submit, verify,
};
use stringless::error::Error;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => return usage(&told),
    };
    let site = cli.site_file.as_deref().filter(|path| !path.as_os_str().is_empty());
    let result = match &cli.command {
        Command::Init(args) => init::run(args),
        Command::Keygen(args) => keygen::run(args),
        Command::Check(args) => check::run(site, args),
        Command::Build(args) => build::run(site, args),
        Command::Diff(args) => diff::run(site, args),
        Command::Publish(args) => publish::run(site, args),
        Command::History(args) => history::run(site, args),
        Command::Rollback(args) => rollback::run(site, args),
        Command::Promote(args) => promote::run(site, args),
        Command::Gc(args) => gc::run(site, args),
        Command::Mirror(args) => mirror::run(site, args),
        Command::Refresh(args) => refresh::run(site, args),
        Command::Submit(args) => submit::run(site, args),
        Command::Keys(command) => keys::run(site, command),
        Command::Modules(command) => modules::run(site, command),
        Command::Verify(args) => verify::run(site, args),
        Command::Agent(AgentCommand::Push(args)) => agent::push(site, args),
        Command::Render(args) => render::run(site, args),
        Command::Layer(args) => layer::run(site, args),
        Command::Policy(args) => policy::run(site, args),
        Command::List(args) => list::run(args),
        Command::Completions { shell } => manual::completions(*shell, Cli::command()),
        Command::Man { out } => manual::man(out.as_deref(), Cli::command()),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            tell(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Clap's own message; exit code 64 instead of its 2, which means changes here.
fn usage(told: &clap::Error) -> ExitCode {
    told.print().ok();
    ExitCode::from(if told.use_stderr() { 64 } else { 0 })
}

fn tell(error: &Error) {
    let colour = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let (red, cyan, end) = if colour { ("\x1b[1;31m", "\x1b[1;36m", "\x1b[0m") } else { ("", "", "") };
    let mut text = format!("{red}error:{end} {error}\n");
    if let Some(hint) = error.hint_text() {
        text.push_str(&format!("\n{cyan}hint:{end} {hint}\n"));
    }
    stderr().write_all(text.as_bytes()).ok();
}
