//! A site in a folder of its own, driven by the built `stringless`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::agent::{Run, of_version};
use crate::garage::{BUCKET, Garage, Key, REGION};
use crate::netns::Net;
use crate::process::succeed;
use crate::tools;

/// A site; dropping it removes its folder.
#[derive(Debug)]
pub struct Site {
    generator: PathBuf,
    net: Net,
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Site {
    /// `stringless init` with these options, on `net`; `None` after saying that there is no generator.
    ///
    /// # Panics
    /// When `init` fails.
    pub fn init(net: &Net, options: &[&str]) -> Option<Self> {
        let generator = tools::generator()?;
        let folder = tempfile::tempdir().unwrap();
        let site = Self { generator, net: net.clone(), folder, environment: Vec::new() };
        let fixed = ["init", ".", "--site", "example", "--no-password"];
        let _ = site.run(&[&fixed, options].concat()).expect(0);
        // The scripts of tests keep to the folder of their node.
        let text = fs::read_to_string(site.path("stringless.yaml")).unwrap();
        site.write("stringless.yaml", text.replace("{run: apply}", "{run: apply, root: true}"), 0o644);
        Some(site)
    }

    /// A site whose store is `prefix` of a server's bucket at `endpoint`, published with the writer's key.
    pub fn on_s3(net: &Net, garage: &Garage, endpoint: &str, style: &str) -> Option<Self> {
        let store = format!("s3://{BUCKET}/site/one");
        let options = ["--store", &store, "--region", REGION, "--endpoint", endpoint, "--style", style];
        let mut site = Self::init(net, &options)?;
        site.publish_with(&garage.writer);
        Some(site)
    }

    /// Publishes with this key from now on.
    pub fn publish_with(&mut self, key: &Key) {
        self.set("AWS_ACCESS_KEY_ID", &key.id);
        self.set("AWS_SECRET_ACCESS_KEY", &key.secret);
    }

    /// Sets a variable for every later run.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.into(), value.into()));
    }

    /// `stringless ARGS` in the site's folder, with no variable of the surroundings, not yet started.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.net.command(&self.generator);
        command.args(args).current_dir(self.path("")).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.path(""));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs `stringless ARGS` to its end.
    pub fn run(&self, args: &[&str]) -> Run {
        Run::of(&mut self.command(args))
    }

    /// Publishes, and tells what was done.
    ///
    /// # Panics
    /// When that fails, or prints no JSON.
    pub fn publish(&self) -> Value {
        let done = self.run(&["publish", "--json"]).expect(0);
        serde_json::from_str(&done.out).unwrap_or_else(|e| panic!("{e}: {}", done.out))
    }

    /// Uploads and pins the built agents.
    ///
    /// # Panics
    /// When that fails.
    pub fn push_agent(&self) -> Option<()> {
        let agents = tools::agent()?.parent()?.parent()?.to_path_buf();
        let _ = self.run(&["agent", "push", "--from", &agents.to_string_lossy()]).expect(0);
        Some(())
    }

    /// The same agent, as if it were of this version: what is published from now on pins it.
    ///
    /// # Panics
    /// When that fails.
    pub fn push_agent_of(&self, version: &str) -> Option<()> {
        let agent = tools::agent()?;
        let target = agent.parent()?.file_name()?.to_string_lossy().into_owned();
        let bytes = of_version(&fs::read(&agent).unwrap(), env!("CARGO_PKG_VERSION"), version);
        self.write(&format!(".stringless/newer/{target}/stringless-agent"), bytes, 0o755);
        let text = fs::read_to_string(self.path("stringless.yaml")).unwrap();
        self.write("stringless.yaml", format!("{text}agent: {{version: {version}}}\n"), 0o644);
        let _ = self.run(&["agent", "push", "--from", ".stringless/newer"]).expect(0);
        Some(())
    }

    /// The user-data for a pair; `options` such as `--form`.
    ///
    /// # Panics
    /// When it cannot be rendered.
    pub fn render(&self, distro: &str, cloud: &str, options: &[&str]) -> String {
        self.run(&[&["render", distro, cloud], options].concat()).expect(0).out
    }

    /// The same as bytes, for what is packed; and the user's own files beside it, by name and text.
    ///
    /// # Panics
    /// As [`Site::render`].
    pub fn render_with(&self, distro: &str, cloud: &str, options: &[&str], own: &[(&str, &str)]) -> Vec<u8> {
        let mut args = [&["render", distro, cloud, "--out", "user-data"], options].concat();
        for (name, text) in own {
            self.write(name, text, 0o644);
            args.extend(["--with", name]);
        }
        let _ = self.run(&args).expect(0);
        let file = self.path("user-data");
        let bytes = fs::read(&file).unwrap();
        fs::remove_file(file).unwrap();
        bytes
    }

    /// The `agent.json` inside user-data of the form `script`.
    ///
    /// # Panics
    /// When there is none.
    pub fn config(user_data: &str) -> Value {
        let json = user_data.split_once("<<'JSON'").and_then(|(_, rest)| rest.split_once('\n'));
        let json = json.and_then(|(_, rest)| rest.split_once("\nJSON\n")).map(|(json, _)| json);
        serde_json::from_str(json.unwrap_or_else(|| panic!("no agent.json in {user_data}"))).unwrap()
    }

    /// Replaces a part of `stringless.yaml`.
    ///
    /// # Panics
    /// When the part is not there.
    pub fn edit(&self, part: &str, other: &str) {
        let text = fs::read_to_string(self.path("stringless.yaml")).unwrap();
        assert!(text.contains(part), "no `{part}` in\n{text}");
        self.write("stringless.yaml", text.replacen(part, other, 1), 0o644);
    }

    /// Has nodes check every ten seconds, with these further lines below `node:`.
    ///
    /// # Panics
    /// When `init` writes another schedule than the one that this replaces.
    pub fn set_schedule(&self, node: &[&str]) {
        let lines: String = node.iter().map(|line| format!("  {line}\n")).collect();
        self.edit("  interval: 5m\n  splay: 1m\n", &format!("  interval: 10s\n  splay: 1s\n{lines}"));
    }

    /// Takes the line that starts like this out of `stringless.yaml`.
    ///
    /// # Panics
    /// When there is none.
    pub fn drop_line(&self, start: &str) {
        let text = fs::read_to_string(self.path("stringless.yaml")).unwrap();
        let line = text.lines().find(|line| line.starts_with(start));
        let line = line.unwrap_or_else(|| panic!("no line `{start}` in\n{text}"));
        self.edit(&format!("{line}\n"), "");
    }

    /// Puts a file into the site.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>, mode: u32) {
        let file = self.path(path);
        fs::create_dir_all(file.parent().unwrap_or(&file)).unwrap();
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Copies what is in `folder` into the site.
    pub fn copy(&self, folder: &Path) {
        let mut cp = Command::new("cp");
        succeed(cp.arg("-a").arg(folder.join(".")).arg(self.path("")), crate::process::PATIENCE);
    }

    /// A path below the site's folder.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }
}
