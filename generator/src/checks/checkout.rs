//! Code that reads what a checkout or a deployment of r10k has, and a release lacks. No IO.

use super::Fault;

/// The faults of a manifest, a template or a file of Ruby: lines that ask git or read r10k's own file.
pub fn faults(content: &[u8]) -> Vec<Fault> {
    let text = String::from_utf8_lossy(content);
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim_start().starts_with('#'));
    let found = lines.filter_map(|(line, number)| Some((lacking(line)?, number)));
    found.map(|(message, number)| Fault { path: None, line: Some(number), message: message.into() }).collect()
}

fn lacking(line: &str) -> Option<&'static str> {
    if line.contains(".r10k-deploy.json") {
        return Some(
            "reads `.r10k-deploy.json`, which only r10k writes: serial and commit are in `STRINGLESS_SERIAL` and `STRINGLESS_COMMIT` of the run",
        );
    }
    let about_release = RELEASE.iter().any(|word| line.contains(word));
    (about_release && asks_git(line)).then_some(
        "asks git about the environment, and a release has no `.git`: serial and commit are in `STRINGLESS_SERIAL` and `STRINGLESS_COMMIT` of the run",
    )
}

/// Whether a line reads a repository: its `.git`, or by a command or a library.
fn asks_git(line: &str) -> bool {
    let parts = line.match_indices(FOLDER).map(|(at, _)| &line[at + FOLDER.len()..]);
    let reads = |rest: &str| {
        !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') && !rest.starts_with("/hooks")
    };
    parts.into_iter().any(reads) || COMMANDS.iter().any(|word| line.contains(word)) || runs_git(line)
}

/// Whether a line runs git to read the history: `git -C … log`, or with the command in quotes of its own.
fn runs_git(line: &str) -> bool {
    let words = || line.split(|c: char| !c.is_ascii_alphanumeric() && !"-./".contains(c));
    words().any(|word| word == "git" || word.ends_with("/git"))
        && words().any(|word| ["log", "show", "describe", "rev-list"].contains(&word))
}

const FOLDER: &str = "/.git";
const COMMANDS: [&str; 2] = ["rev-parse", "Rugged::"];
/// What a line names that is about the code of the environment, and not about another repository on the node.
const RELEASE: [&str; 10] = [
    "environmentpath",
    "::environment",
    "codedir",
    "/puppetlabs/code",
    "/puppet/code",
    "/environments/",
    "{environment}",
    "generate(",
    "__dir__",
    "__FILE__",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<u64> {
        faults(text.as_bytes()).into_iter().filter_map(|fault| fault.line).collect()
    }

    #[test]
    fn what_only_a_deployment_has_is_found() {
        let text = "$a = 1\n$b = file(\"${settings::environmentpath}/${environment}/.r10k-deploy.json\")\n\
            # generate('git', 'rev-parse', 'HEAD')\n\
            $c = generate('/usr/bin/git', '-C', '/x', 'rev-parse', 'HEAD')\n\
            commit = `git --git-dir #{Puppet[:environmentpath]}/#{env}/.git log -1`\n";
        assert_eq!(lines(text), [2, 4, 5]);
        for line in [
            "setcode { Facter::Core::Execution.execute('git -C /etc/puppetlabs/code/environments/production rev-parse HEAD') }",
            "Rugged::Repository.new(File.join(Puppet[:environmentpath], 'production')).head",
            "<%= %x(cd /etc/puppetlabs/code && git log -1 --format=%H) %>",
            "$v = file(\"${settings::codedir}/environments/${environment}/.git/HEAD\")",
            "$v = generate('/usr/bin/git', '-C', '/srv/x', 'log', '-1')",
            "$v = generate('/bin/sh', '-c', \"cd /srv/${environment} && git describe\")",
            "version = `git -C #{__dir__} show -s`",
        ] {
            assert_eq!(lines(line), [1], "{line}");
        }
    }

    #[test]
    fn other_repositories_are_no_concern() {
        let text = "exec { 'git rev-parse HEAD': cwd => '/srv/app' }\nfile { '/srv/app/.git': ensure => absent }\n\
            vcsrepo { '/srv/app': source => 'https://git.test/app.git' }\n\
            file { \"/srv/${environment}/.gitconfig\": }\nfile { \"/srv/${environment}/.git/hooks/x\": }\n\
            exec { \"git clone https://git.test/a /srv/${environment}\": }\nexec { 'git log': cwd => '/srv/app' }\n\
            $log = \"/var/log/${environment}/digit\"\n";
        assert_eq!(lines(text), [0u64; 0]);
    }
}
