//! Control repos of the shapes that real ones have become what r10k makes of them, file by file: roles and profiles
//! in one branch, a branch for each stage, and a folder of a repository that holds everything else, too.
//!
//! `tests/fixtures/control-repos/gen.sh` makes them.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use e2e::netns::Net;
use e2e::process::succeed;
use e2e::puppet_forge::PuppetForge;
use e2e::site::Site;
use e2e::tools;
use serde_json::Value;

#[test]
fn roles_and_profiles_become_what_r10k_makes_of_them() {
    let Some(world) = World::new() else { return };
    let made = world.made_by_r10k("roles-and-profiles");
    let site = world.site(&world.branches_of("roles-and-profiles"));
    let built = built(&site);
    assert_eq!(names(&built), ["production"]);
    assert_same(&built, &made);
    let tree = &built["production"];
    assert!(tree.contains_key("modules/base/manifests/init.pp"), "of the Forge: {tree:?}");
    assert!(tree["modules/ntp/manifests/init.pp"].contains("two"), "of git, by its tag");
    assert!(tree["site-modules/adhoc/tasks/restart.sh"].starts_with("executable "));
}

#[test]
fn each_branch_becomes_the_environment_that_r10k_makes_of_it() {
    let Some(world) = World::new() else { return };
    let made = world.made_by_r10k("multi-branch");
    let site = world.site(&world.branches_of("multi-branch"));
    let built = built(&site);
    assert_eq!(names(&built), ["feature_login", "hotfix_1_2", "production", "staging"]);
    assert_same(&built, &made);
    assert!(built["feature_login"].contains_key("modules/ntp/manifests/login.pp"), "it follows the branch");
    assert!(built["staging"]["modules/ntp/manifests/init.pp"].contains("one"), "no such branch: its default");
    assert!(built["staging"].contains_key("external/motd/manifests/init.pp"));
    assert!(!built["staging"].contains_key("modules/ntp/spec/classes/init_spec.rb"));
}

#[test]
fn folders_of_a_monorepo_are_environments_without_what_is_beside_them() {
    let Some(world) = World::new() else { return };
    let url = world.url("monorepo");
    let source = |name: &str| {
        format!("  {name}: {{source: {{git: '{url}', branch: main, path: puppet/environments/{name}}}}}\n")
    };
    let site = world.site(&format!("environments:\n{}{}", source("production"), source("staging")));
    let built = built(&site);
    assert_eq!(names(&built), ["production", "staging"]);
    let paths = |name: &str| built[name].keys().map(String::as_str).collect::<Vec<_>>();
    let own = [
        "data/common.yaml",
        "data/nodes/web1.example.test.yaml",
        "data/os/RedHat.yaml",
        "environment.conf",
        "hiera.yaml",
        "manifests/site.pp",
        "modules/own/manifests/init.pp",
        "modules/web/manifests/init.pp",
    ];
    assert_eq!(paths("production"), own);
    let base = ["modules/base/manifests/init.pp", "modules/base/metadata.json"];
    let mut expected: Vec<&str> = own.into_iter().chain(base).chain(["Puppetfile"]).collect();
    expected.sort_unstable();
    assert_eq!(paths("staging"), expected);
    assert!(built["staging"]["modules/web/manifests/init.pp"].contains("staging"));
}

#[test]
fn a_folder_that_the_repository_has_not_is_reported() {
    let Some(world) = World::new() else { return };
    let url = world.url("monorepo");
    let site = world.site(&format!(
        "environments: {{production: {{source: {{git: '{url}', branch: main, path: puppets}}}}}}\n"
    ));
    let refused = site.run(&["build"]).expect(78);
    assert!(refused.err.contains("puppets") && refused.err.contains("hint:"), "{}", refused.err);
}

/// What stands at each path of an environment: `executable` or not, and the content.
type Tree = BTreeMap<String, String>;

/// The repositories, and a Forge with what they name of one.
struct World {
    folder: tempfile::TempDir,
    forge: PuppetForge,
}

impl World {
    fn new() -> Option<Self> {
        tools::program("git")?;
        tools::generator()?;
        let world = Self { folder: tempfile::tempdir().unwrap(), forge: PuppetForge::start() };
        for (module, version) in
            [("example-base", "1.1.0"), ("example-base", "1.2.0"), ("example-web", "0.3.1")]
        {
            world.forge.release(module, version, &[("manifests/init.pp", version)]);
        }
        let script = tools::root().join("tests/fixtures/control-repos/gen.sh");
        succeed(Command::new(script).arg(world.folder.path()).arg(world.forge.url()), PEER_LIMIT);
        Some(world)
    }

    fn url(&self, name: &str) -> String {
        format!("file://{}/{name}.git", self.folder.path().display())
    }

    fn branches_of(&self, name: &str) -> String {
        format!("sources: {{control: {{git: '{}'}}}}\n", self.url(name))
    }

    /// A site with these lines of its file.
    fn site(&self, sources: &str) -> Site {
        let site = Site::init(&Net::host(), &["--store", "file:///nowhere"]).unwrap();
        let text = format!(
            "site: example\nstores: [{{url: 'file:///nowhere'}}]\nmodules: {{forge: '{}'}}\n{sources}apply: {{engine: {{puppet: {{}}}}}}\n",
            self.forge.url()
        );
        site.write("stringless.yaml", text, 0o644);
        site
    }

    /// What r10k makes of each branch; nothing where it is missing.
    fn made_by_r10k(&self, name: &str) -> Option<BTreeMap<String, Tree>> {
        let r10k = tools::program("r10k")?;
        let folder = self.folder.path().join("r10k");
        fs::create_dir(&folder).unwrap();
        let place = folder.display();
        let settings = format!(
            "cachedir: '{place}/cache'\nforge: {{baseurl: '{}'}}\nsources: {{control: {{remote: '{}', basedir: '{place}/environments'}}}}\n",
            self.forge.url(),
            self.url(name)
        );
        fs::write(folder.join("r10k.yaml"), settings).unwrap();
        let mut r10k = Command::new(r10k);
        r10k.args(["deploy", "environment", "--modules", "--config", "r10k.yaml"]);
        succeed(r10k.current_dir(&folder).env("HOME", &folder), PEER_LIMIT);
        let environments = fs::read_dir(folder.join("environments")).unwrap().map(|entry| entry.unwrap());
        Some(environments.map(|e| (e.file_name().into_string().unwrap(), tree(&e.path()))).collect())
    }
}

/// Builds all environments of a site, and unpacks them.
fn built(site: &Site) -> BTreeMap<String, Tree> {
    let done = site.run(&["build", "--all", "--out", "out", "--json"]).expect(0);
    let printed: Value = serde_json::from_str(&done.out).unwrap();
    let mut trees = BTreeMap::new();
    for environment in printed["environments"].as_array().unwrap() {
        let name = environment["environment"].as_str().unwrap();
        let folder = site.path("unpacked").join(name);
        for pack in environment["packs"].as_array().unwrap() {
            let to = folder.join(pack["path"].as_str().unwrap());
            fs::create_dir_all(&to).unwrap();
            let file = site.path("out").join(format!("{}.tar.gz", pack["sha256"].as_str().unwrap()));
            succeed(Command::new("tar").arg("-xzf").arg(file).arg("-C").arg(to), LIMIT);
        }
        trees.insert(name.to_owned(), tree(&folder));
    }
    trees
}

fn names(trees: &BTreeMap<String, Tree>) -> Vec<&str> {
    trees.keys().map(String::as_str).collect()
}

fn assert_same(built: &BTreeMap<String, Tree>, made: &Option<BTreeMap<String, Tree>>) {
    let Some(made) = made else { return };
    assert_eq!(names(built), names(made));
    for (environment, tree) in made {
        assert!(tree.len() > 5, "r10k made too little of {environment}: {tree:?}");
        let paths: Vec<&String> = built[environment].keys().collect();
        assert_eq!(paths, tree.keys().collect::<Vec<_>>(), "{environment}");
        for (path, content) in tree {
            assert_eq!(&built[environment][path], content, "{environment}: {path}");
        }
    }
}

/// The files and links below a folder, without what r10k and git keep for themselves.
fn tree(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut folders: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap()) {
            let path = entry.path();
            let name = entry.file_name();
            if name == ".git" || name == ".r10k-deploy.json" {
                continue;
            }
            let metadata = fs::symlink_metadata(&path).unwrap();
            let text = if metadata.is_dir() {
                folders.push(path);
                continue;
            } else if metadata.is_symlink() {
                format!("link {}", fs::read_link(&path).unwrap().display())
            } else {
                let kind = if metadata.permissions().mode() & 0o100 == 0 { "file" } else { "executable" };
                format!("{kind} {}", String::from_utf8_lossy(&fs::read(&path).unwrap()))
            };
            tree.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(), text);
        }
    }
    tree
}

const LIMIT: Duration = e2e::process::PATIENCE;
/// Of programs that are not ours: how long they take says nothing about us. It only ends a test that hangs.
const PEER_LIMIT: Duration = e2e::process::PATIENCE;
