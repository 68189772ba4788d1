//! The examples at the end of each `--help`. A test parses each of them with the program's own parser.

pub(super) const PROGRAM: &str = "\
Examples:
  stringless init site --site example --store s3://bucket/site --region eu-central-1
  stringless diff
  stringless publish
  stringless render debian-13 aws";
pub(super) const INIT: &str = "\
Examples:
  stringless init site --site example --store s3://bucket/site --region eu-central-1
  stringless init site --site example --store file:///srv/site --engine puppet";
pub(super) const DOCTOR: &str = "\
Examples:
  stringless doctor
  stringless doctor --write --json";
pub(super) const SCHEMA: &str = "\
Examples:
  stringless schema
  stringless schema site
  stringless schema publish-all";
pub(super) const KEYGEN: &str = "\
Examples:
  stringless keygen /media/usb/offline.key";
pub(super) const CHECK: &str = "\
Examples:
  stringless check
  stringless check -e staging --json";
pub(super) const BUILD: &str = "\
Examples:
  stringless build
  stringless build --all --offline
  stringless build -e staging --out packs";
pub(super) const DIFF: &str = "\
Examples:
  stringless diff
  stringless diff --stat --all
  stringless diff 7 9 -e production
  stringless diff --from staging --markdown";
pub(super) const PUBLISH: &str = "\
Examples:
  stringless publish --dry-run
  stringless publish -e staging
  stringless publish --all --prune --dry-run
  stringless publish --all --key /media/usb/release.key";
pub(super) const ENVIRONMENTS: &str = "\
Examples:
  stringless environments list
  stringless environments retire feature_x";
pub(super) const ENVIRONMENTS_LIST: &str = "\
Examples:
  stringless environments list --json";
pub(super) const ENVIRONMENTS_RETIRE: &str = "\
Examples:
  stringless environments retire feature_x --dry-run
  stringless environments retire feature_x";
pub(super) const HISTORY: &str = "\
Examples:
  stringless history
  stringless history -e staging --limit 5";
pub(super) const ROLLBACK: &str = "\
Examples:
  stringless rollback --dry-run
  stringless rollback 7 -e production";
pub(super) const PROMOTE: &str = "\
Examples:
  stringless promote staging production --dry-run
  stringless promote staging production --serial 7";
pub(super) const GC: &str = "\
Examples:
  stringless gc
  stringless gc --keep 5 --grace 14d --delete";
pub(super) const MIRROR: &str = "\
Examples:
  stringless mirror file:///media/usb/site
  stringless mirror s3://copy/site --region us-east-1 --keep 3";
pub(super) const REFRESH: &str = "\
Examples:
  stringless refresh
  stringless refresh --trust --expires 52w";
pub(super) const SUBMIT: &str = "\
Examples:
  stringless submit --dry-run
  stringless submit";
pub(super) const KEYS: &str = "\
Examples:
  stringless keys list
  stringless keys add backup --public backup.pub
  stringless keys threshold 2";
pub(super) const KEYS_LIST: &str = "\
Examples:
  stringless keys list --json";
pub(super) const KEYS_ADD: &str = "\
Examples:
  stringless keys add backup --public backup.pub";
pub(super) const KEYS_FLEET: &str = "\
Examples:
  stringless keys fleet add tick --public keys/tick.pub";
pub(super) const KEYS_FLEET_ADD: &str = "\
Examples:
  stringless keys fleet add tick --public keys/tick.pub --may head";
pub(super) const KEYS_FLEET_REMOVE: &str = "\
Examples:
  stringless keys fleet remove tick --dry-run";
pub(super) const KEYS_REMOVE: &str = "\
Examples:
  stringless keys remove backup --dry-run";
pub(super) const KEYS_ROTATE: &str = "\
Examples:
  stringless keys rotate release --public new.pub --min-serial production=42";
pub(super) const KEYS_THRESHOLD: &str = "\
Examples:
  stringless keys threshold 2";
pub(super) const MODULES: &str = "\
Examples:
  stringless modules update
  stringless modules why stdlib";
pub(super) const MODULES_UPDATE: &str = "\
Examples:
  stringless modules update --dry-run
  stringless modules update puppetlabs/apt";
pub(super) const MODULES_OUTDATED: &str = "\
Examples:
  stringless modules outdated --json";
pub(super) const MODULES_WHY: &str = "\
Examples:
  stringless modules why puppetlabs/stdlib";
pub(super) const MODULES_TREE: &str = "\
Examples:
  stringless modules tree -e production";
pub(super) const VERIFY: &str = "\
Examples:
  stringless verify
  stringless verify trust/2.json";
pub(super) const AGENT: &str = "\
Examples:
  stringless agent push";
pub(super) const AGENT_PUSH: &str = "\
Examples:
  stringless agent push --dry-run
  stringless agent push --from target/agents
  stringless agent push --from 'https://mirror.example.com/stringless/{version}'";
pub(super) const PIN: &str = "\
Examples:
  stringless pin
  stringless pin rocky-9 debian-13 --version 8.28.1
  stringless pin --from mirror/openvox
  stringless pin rocky-9 --sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
pub(super) const RENDER: &str = "\
Examples:
  stringless render debian-13 aws
  stringless render ubuntu-24.04 nocloud -e staging --explain
  stringless render rocky-9 aws --as terraform --out node.tf
  stringless render --check user-data";
pub(super) const LAYER: &str = "\
Examples:
  stringless layer --out base.layer.json";
pub(super) const WEB: &str = "\
Examples:
  stringless web --out page
  stringless web --out page --with-site";
pub(super) const POLICY: &str = "\
Examples:
  stringless policy aws --for nodes
  stringless policy aws --form terraform";
pub(super) const LIST: &str = "\
Examples:
  stringless list distros
  stringless list --json";
pub(super) const COMPLETIONS: &str = "\
Examples:
  stringless completions bash
  stringless completions fish";
pub(super) const MAN: &str = "\
Examples:
  stringless man
  stringless man --out man1";

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory, Parser};

    use crate::cli::Cli;

    #[test]
    fn every_command_has_examples_that_parse() {
        let mut command = Cli::command();
        command.build();
        check(&command, "stringless");
    }

    fn check(command: &Command, name: &str) {
        let help = command.get_after_help().unwrap_or_else(|| panic!("{name}: no examples")).to_string();
        let mut lines = help.lines();
        assert_eq!(lines.next(), Some("Examples:"), "{name}");
        let examples: Vec<&str> = lines.map(str::trim).collect();
        assert!(!examples.is_empty(), "{name}");
        for example in examples {
            assert!(example.starts_with(name), "{name}: {example}");
            let parsed = Cli::try_parse_from(example.split_whitespace());
            assert!(parsed.is_ok(), "{example}: {}", parsed.unwrap_err());
        }
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help" && !sub.is_hide_set()) {
            check(sub, &format!("{name} {}", sub.get_name()));
        }
    }
}
