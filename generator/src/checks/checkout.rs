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
    let environment = line.contains("environmentpath") || line.contains("::environment");
    if line.contains(".r10k-deploy.json") {
        return Some(
            "reads `.r10k-deploy.json`, which only r10k writes: serial and commit are in `STRINGLESS_SERIAL` and `STRINGLESS_COMMIT` of the run",
        );
    }
    let asks = line.contains("rev-parse") || line.contains("/.git") && !line.contains("/.git/hooks");
    (asks && (environment || line.contains("generate(") || line.contains("__dir__"))).then_some(
        "asks git about the environment, and a release has no `.git`: serial and commit are in `STRINGLESS_SERIAL` and `STRINGLESS_COMMIT` of the run",
    )
}

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
    }

    #[test]
    fn other_repositories_are_no_concern() {
        let text = "exec { 'git rev-parse HEAD': cwd => '/srv/app' }\nfile { '/srv/app/.git': ensure => absent }\n\
            vcsrepo { '/srv/app': source => 'https://git.test/app.git' }\n";
        assert_eq!(lines(text), [0u64; 0]);
    }
}
