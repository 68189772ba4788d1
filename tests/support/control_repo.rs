//! A control repo as large ones are: modules of a Forge and of git, roles and profiles, a hierarchy of data, branches
//! that differ in versions. Made by a rule: the same shape gives the same commits each time.

use std::path::Path;

use crate::puppet_forge::{PuppetForge, Release};
use crate::random::Dice;
use crate::repository::{Repository, Text};

/// A control repo, and where its modules are from. Its branches: [`BRANCHES`].
#[derive(Debug)]
pub struct ControlRepo {
    /// The repository itself.
    pub git: Repository,
    /// Where two thirds of the modules are from.
    pub forge: PuppetForge,
    /// The others, one repository each.
    pub modules: Vec<Repository>,
    shape: Shape,
}

/// How large it is.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// How many modules its Puppetfile names.
    pub modules: usize,
    /// How many manifests each of them has, beside two dozen other files.
    pub manifests: usize,
}

/// The branches, which differ in some versions.
pub const BRANCHES: [&str; 3] = ["production", "staging", "development"];

impl ControlRepo {
    /// Makes all of it below a folder.
    pub fn make(folder: &Path, shape: Shape) -> Self {
        let forge = PuppetForge::start();
        let mut modules = Vec::new();
        for number in 0..shape.modules {
            if is_of_forge(number) {
                for version in [OLD, NEW] {
                    publish(&forge, number, version, shape);
                }
                continue;
            }
            let git = Repository::make(&folder.join(format!("{}.git", name(number))));
            for version in [OLD, NEW] {
                git.commit("main", &module(number, version, shape));
                git.tag(&format!("v{version}"), "main");
            }
            git.tidy();
            modules.push(git);
        }
        let git = Repository::make(&folder.join("control.git"));
        let repo = Self { git, forge, modules, shape };
        for branch in BRANCHES {
            repo.git.commit(branch, &own_code());
            repo.git.change(branch, &[repo.puppetfile(branch, &[])]);
        }
        repo.git.git(&["symbolic-ref", "HEAD", "refs/heads/production"]);
        repo.git.tidy();
        repo
    }

    /// A branch's Puppetfile, with other versions for modules by their number.
    pub fn puppetfile(&self, branch: &str, others: &[(usize, &str)]) -> Text {
        let mut text = format!("forge '{}'\nmoduledir 'modules'\n\n", self.forge.url());
        let mut repositories = self.modules.iter();
        for number in 0..self.shape.modules {
            let is_new = match branch {
                "production" => false,
                "staging" => number % 20 == 3,
                _ => number % 10 == 3,
            };
            let other = others.iter().find(|(known, _)| *known == number);
            let version = other.map_or(if is_new { NEW } else { OLD }, |(_, version)| version);
            if is_of_forge(number) {
                text.push_str(&format!("mod 'example/{}', '{version}'\n", name(number)));
            } else if let Some(git) = repositories.next() {
                text.push_str(&format!(
                    "mod '{}',\n  :git => '{}',\n  :tag => 'v{version}'\n",
                    name(number),
                    git.url()
                ));
            }
        }
        ("Puppetfile".into(), text)
    }

    /// Publishes one more release of a module that is of the Forge, one line of it changed.
    pub fn publish(&self, number: usize, version: &str) {
        publish(&self.forge, number, version, self.shape);
    }
}

/// The versions of each module that are there from the beginning.
pub const OLD: &str = "1.4.2";
/// The newer one.
pub const NEW: &str = "2.0.0";

/// What a module is called.
pub fn name(number: usize) -> String {
    format!("module_{number:02}")
}

/// Whether a module is of the Forge; the others are repositories.
pub fn is_of_forge(number: usize) -> bool {
    number % 3 != 2
}

fn publish(forge: &PuppetForge, number: usize, version: &str, shape: Shape) {
    let files = module(number, version, shape);
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (&**path, &**text)).collect();
    let module = format!("example-{}", name(number));
    forge.publish(&Release { module: &module, version, dependencies: &[], files: &files });
}

/// The files of a module of the size that is usual on the Forge; versions differ in a line here and there.
pub fn module(number: usize, version: &str, shape: Shape) -> Vec<Text> {
    let name = name(number);
    let mut words = Words(Dice::new(number as u64 + 1));
    let mut files = vec![
        text("README.md", format!("# {name}\n\n{}", words.lines(120))),
        text("CHANGELOG.md", format!("## {version}\n\n{}", words.lines(200))),
        text("REFERENCE.md", words.lines(250)),
        text("LICENSE", words.lines(180)),
        text("Gemfile", words.lines(30)),
        text("hiera.yaml", "---\nversion: 5\n".into()),
        text("data/common.yaml", format!("---\n{name}::ensure: '{version}'\n")),
        text("files/check.sh", format!("#!/bin/sh\n# {}\n", words.line())),
        text(
            "metadata.json",
            format!(
                "{{\n  \"name\": \"example-{name}\",\n  \"version\": \"{version}\",\n  \"author\": \"example\",\n  \
                 \"summary\": \"{}\",\n  \"license\": \"Apache-2.0\",\n  \"source\": \"https://example.test/{name}\",\n  \
                 \"dependencies\": []\n}}\n",
                words.line()
            ),
        ),
        text("manifests/init.pp", format!("# {version}\nclass {name} {{\n}}\n")),
    ];
    for n in 0..shape.manifests {
        files.push(text(&format!("manifests/part_{n}.pp"), class(&format!("{name}::part_{n}"), &mut words)));
    }
    for n in 0..6 {
        files.push(text(&format!("templates/file_{n}.epp"), words.lines(40)));
        files.push(text(&format!("lib/puppet/functions/{name}/f{n}.rb"), words.lines(30)));
        files.push(text(&format!("spec/classes/part_{n}_spec.rb"), words.lines(60)));
    }
    files
}

/// What a team writes itself: roles, profiles, data, and the settings of the environment.
fn own_code() -> Vec<Text> {
    let mut words = Words(Dice::new(4711));
    let mut files = vec![
        text("environment.conf", "modulepath = site-modules:modules:$basemodulepath\n".into()),
        text(
            "hiera.yaml",
            "---\nversion: 5\ndefaults: {datadir: data, data_hash: yaml_data}\nhierarchy:\n  - name: nodes\n    \
             path: \"nodes/%{trusted.certname}.yaml\"\n  - name: common\n    path: common.yaml\n"
                .into(),
        ),
        text("manifests/site.pp", "node default {\n  include role::part_0\n}\n".into()),
        text("data/common.yaml", "---\nprofile::part_0::greeting: hello\n".into()),
    ];
    for n in 0..20 {
        let role = format!("class role::part_{n} {{\n  include profile::part_{n}\n}}\n");
        files.push(text(&format!("site-modules/role/manifests/part_{n}.pp"), role));
        let profile = class(&format!("profile::part_{n}"), &mut words);
        files.push(text(&format!("site-modules/profile/manifests/part_{n}.pp"), profile));
        files.push(text(&format!("data/nodes/node{n}.example.test.yaml"), format!("---\nprofile::n: {n}\n")));
    }
    files
}

fn class(name: &str, words: &mut Words) -> String {
    let lines: String = (0..25).map(|_| format!("  # {}\n", words.line())).collect();
    format!("# @summary {}\nclass {name} (\n  Integer $n = 1,\n) {{\n{lines}}}\n", words.line())
}

fn text(path: &str, text: String) -> Text {
    (path.into(), text)
}

/// Text that packs about as well as prose.
struct Words(Dice);

impl Words {
    fn line(&mut self) -> String {
        (0..9).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }

    fn lines(&mut self, count: usize) -> String {
        (0..count).map(|_| self.line() + "\n").collect()
    }

    fn word(&mut self) -> String {
        // Some hundred different words; the first ones are the most frequent.
        let end = 1 + self.0.below(600);
        let mut number = self.0.below(end);
        let mut word = String::new();
        for _ in 0..3 {
            word.push(char::from(b"bdfgklmnprstvz"[(number % 14) as usize]));
            word.push(char::from(b"aeiou"[(number % 5) as usize]));
            number /= 5;
        }
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_shape_gives_the_same_modules() {
        let shape = Shape { modules: 3, manifests: 2 };
        assert_eq!(module(2, OLD, shape), module(2, OLD, shape));
        assert_ne!(module(2, OLD, shape), module(1, OLD, shape));
        let folders: Vec<tempfile::TempDir> = (0..2).map(|_| tempfile::tempdir().unwrap()).collect();
        let repos: Vec<ControlRepo> =
            folders.iter().map(|folder| ControlRepo::make(folder.path(), shape)).collect();
        let [one, other] = &repos[..] else { panic!() };
        assert_eq!(one.modules[0].commit_of("v2.0.0"), other.modules[0].commit_of("v2.0.0"));
        assert!(one.puppetfile("staging", &[]).1.contains("mod 'example/module_00', '1.4.2'\n"));
        assert!(one.puppetfile("staging", &[(0, NEW)]).1.contains("mod 'example/module_00', '2.0.0'\n"));
    }
}
