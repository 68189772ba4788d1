//! The program `stringless`: calls the function of each command, prints its error, and sets the exit code.

use std::env;
use std::io::{Write, stdout};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use stringless::cli::{AgentCommand, Cli, Command, first_word, habit};
use stringless::commands::{
    agent, build, check, completions, diff, doctor, environments, gc, history, init, keygen, keys, layer,
    list, manual, mirror, modules, pin, policy, promote, publish, refresh, render, rollback, service_files,
    submit, verify, web,
};
use stringless::error::Error;
use stringless::output::print;
use stringless::schemas;
use stringless::verbose;

fn main() -> ExitCode {
    completions::answer(Cli::command);
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    verbose::set_level(cli.verbose);
    let site = cli.site_file.as_deref().filter(|path| !path.as_os_str().is_empty());
    let result = match &cli.command {
        Command::Init(args) => init::run(args),
        Command::Keygen(args) => keygen::run(args),
        Command::Check(args) => check::run(site, args),
        Command::Build(args) => build::run(site, args),
        Command::Diff(args) => diff::run(site, args),
        Command::Publish(args) => publish::run(site, args),
        Command::Environments(command) => environments::run(site, command),
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
        Command::Doctor(args) => doctor::run(site, args),
        Command::Agent(AgentCommand::Push(args)) => agent::push(site, args),
        Command::Pin(args) => pin::run(site, args),
        Command::Render(args) => render::run(site, args),
        Command::Layer(args) => layer::run(site, args),
        Command::Web(args) => web::run(site, args),
        Command::Policy(args) => policy::run(site, args),
        Command::List(args) => list::run(args),
        Command::Schema(args) => schemas::run(args),
        Command::Completions { shell } => completions::run(*shell),
        Command::ServiceFiles { dir } => service_files::write(dir),
        Command::Man { out } => manual::man(out.as_deref(), Cli::command()),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => fail(&error),
    }
}

fn fail(error: &Error) -> ExitCode {
    print::error(error);
    ExitCode::from(error.exit_code())
}

/// Prints the help or the version, which clap gives as an error.
fn help(text: &clap::Error) -> ExitCode {
    match print::check(text.print().and_then(|()| stdout().flush())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// Prints clap's message, or for a command of another program the command to use instead. The exit code of a usage error
/// is 64, not clap's 2, which here means changes.
fn usage(error: &clap::Error) -> ExitCode {
    let unknown = error.kind() == ErrorKind::InvalidSubcommand;
    let word = first_word(env::args_os().skip(1)).0.filter(|_| unknown);
    match word.as_deref().and_then(|word| Some((word, habit(word)?))) {
        Some((word, hint)) => {
            print::error(
                &Error::usage(format!("running `stringless {word}`: there is no such command")).hint(hint),
            );
        }
        None if error.use_stderr() => drop(error.print()),
        None => return help(error),
    }
    ExitCode::from(64)
}
