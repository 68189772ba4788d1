//! The arguments of `stringless agent`.

use clap::{Args, Subcommand};

use super::examples;

/// `stringless agent`.
#[derive(Debug, Subcommand)]
pub enum AgentCommand {
    /// Upload the agent binaries and pin their hashes.
    ///
    /// Where no agent was built, or where `agent.from` names an address, the agents of the site's version are fetched
    /// from there, and pushed if the release key has signed them. The binaries of a version never change: a different file under the
    /// same version is refused.
    ///
    /// Effect: writes to the first of the site's stores, and stringless.lock.json.
    #[command(after_help = examples::AGENT_PUSH)]
    Push(AgentPushArgs),
}

/// Arguments of `agent push`.
#[derive(Debug, Args)]
pub struct AgentPushArgs {
    /// The folder that holds TARGET/stringless-agent for each target, or the address of a release: `https://…` or
    /// `file:///…`, where `{version}` stands for the version [default: `agent.from` of the site file, else the folder
    /// target/agents where there is one, else the address of this program's releases].
    #[arg(long, value_name = "DIR|URL")]
    pub from: Option<String>,
    /// The public key that must have signed the release: its text, or its file [default: the key of this program's
    /// releases].
    #[arg(long, value_name = "KEY|FILE")]
    pub release_key: Option<String>,
    /// Only print what would be uploaded.
    #[arg(long)]
    pub dry_run: bool,
    /// Print the pin as JSON.
    #[arg(long)]
    pub json: bool,
}
