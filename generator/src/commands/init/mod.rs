//! `stringless init`.

mod store;

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use stringless_core::store::{StoreSettings, Style};
use stringless_core::trust::{Trust, TrustKey, TrustType};
use stringless_render::schema::{self, SITE_SCHEMA};
use stringless_render::site::Site;

use crate::cli::{EngineKind, InitArgs};
use crate::error::{Error, Result};
use crate::output::print;
use crate::site::{CACHE, KEYS, SITE_FILE};
use crate::trust::first;
use crate::trust::secret_key::{Protection, SecretKey, public_path};

/// Makes a site.
///
/// # Errors
/// When a file exists already, or the settings are wrong.
pub fn run(args: &InitArgs) -> Result<u8> {
    let store = store::settings(args)?;
    store.parse().map_err(|error| usage(args, &error.to_string(), None))?;
    let text = site_file(args, &store);
    // Check the new site file with the parser that will read it. The file does not exist, so no message names it.
    Site::parse(&text, SITE_FILE).map_err(|fault| {
        let why = fault.message.split_once(": ").map_or(&*fault.message, |(_, why)| why);
        usage(args, why, fault.hint.as_deref())
    })?;
    if args.store.starts_with("https://") {
        return Err(usage(args, "a web server can only be read, and the first store must be writable", None));
    }
    let dir = if args.dir == Path::new(".") { Path::new("") } else { &args.dir };
    let secret = dir.join(KEYS).join(format!("{}.key", args.key_name));
    let trust = dir.join(stringless_core::layout::trust(1));
    let file = dir.join(SITE_FILE);
    let beside = dir.join(SITE_SCHEMA);
    let mut new = vec![file.clone(), beside.clone(), trust.clone()];
    if args.key.is_none() {
        new.extend([secret.clone(), public_path(&secret)]);
    }
    for path in &new {
        if path.symlink_metadata().is_ok() {
            return Err(Error::refused(format!("making the site: `{}` exists already", path.display()))
                .hint("choose another folder; `init` overwrites no file"));
        }
    }
    // Read these files before anything is written.
    let ignored = [
        with_lines(dir.join(KEYS).join(".gitignore"), &["*.key"])?,
        with_lines(dir.join(".gitignore"), &[&format!("/{CACHE}/"), "/user-data"])?,
    ];
    if args.dry_run {
        for path in new.iter().chain(ignored.iter().map(|(path, _)| path)) {
            print::out(&format!("would write {}\n", path.display()))?;
        }
        return Ok(0);
    }
    let given = args.key.as_deref().map(SecretKey::open).transpose()?;
    make_folder(&dir.join(KEYS))?;
    make_folder(&dir.join("trust"))?;
    let key = match given {
        Some(key) => key,
        None => SecretKey::create(&secret, protection(args))?,
    };
    write(&trust, &first_trust(args, &key)?)?;
    for (path, bytes) in &ignored {
        write(path, bytes)?;
    }
    write(&beside, schema_text()?.as_bytes())?;
    write(&file, text.as_bytes())?;
    print::out(&summary(args, &file, args.key.as_ref().unwrap_or(&secret), &key))?;
    Ok(0)
}

fn usage(args: &InitArgs, why: &str, hint: Option<&str>) -> Error {
    let error = Error::usage(format!("making the site: {why}"));
    match hint {
        Some(hint) => error.hint(hint),
        None if args.region.is_none() && args.store.starts_with("s3://") => {
            error.hint("`--region REGION` names the bucket's region")
        }
        None if why.contains("style") && args.style.is_none() && args.store.starts_with("s3://") => {
            error.hint("`--style path` puts the name of the bucket into the path")
        }
        None if args.store.starts_with('/') => error.hint(format!("`--store file://{}`", args.store)),
        None => error.hint("`--store s3://bucket/prefix --region R`, or `--store file:///folder`"),
    }
}

fn protection(args: &InitArgs) -> Protection {
    if args.no_password { Protection::None } else { Protection::Password }
}

fn first_trust(args: &InitArgs, key: &SecretKey) -> Result<Vec<u8>> {
    let public = key.public().clone();
    let trust = Trust {
        kind: TrustType::Trust,
        format: stringless_core::trust::FORMAT,
        needs: Vec::new(),
        site: args.site.clone(),
        version: 1,
        threshold: 1,
        keys: vec![TrustKey { name: args.key_name.clone(), id: public.id(), key: public }],
        fleet: Vec::new(),
        expires: None,
        min_serial: BTreeMap::new(),
    };
    first::trust(&trust, std::slice::from_ref(key), &args.site)
}

fn site_file(args: &InitArgs, store: &StoreSettings) -> String {
    let InitArgs { site, environment, .. } = args;
    let mut stores = format!("  - url: {}\n", quoted(&store.url));
    for (key, value) in [("region", &store.region), ("endpoint", &store.endpoint)] {
        if let Some(value) = value {
            stores.push_str(&format!("    {key}: {}\n", quoted(value)));
        }
    }
    if let Some(style) = store.style {
        stores.push_str(&format!("    style: {}\n", if style == Style::Path { "path" } else { "virtual" }));
    }
    let engine = match args.engine {
        EngineKind::Script => "{script: {run: apply}}   # runs the file `apply` of the release",
        EngineKind::Puppet => {
            "{puppet: {}}             # runs `puppet apply` with the release as environment"
        }
    };
    let puppet = match args.engine {
        EngineKind::Script => "",
        EngineKind::Puppet => PUPPET,
    };
    format!(
        "# yaml-language-server: $schema={SITE_SCHEMA}\n\
         # The name of the site; it is part of every signature.\n\
         site: {site}\n\n\
         # The stores. Releases are published to the first; others are mirrors of it.\n\
         stores:\n{stores}\n\
         # The environments. Each is published from a folder, relative to this file.\n\
         environments:\n  {environment}:\n    source: {{path: .}}\n\n\
         # How nodes apply a release.\n\
         apply:\n  engine: {engine}\n  timeout: 30m\n\n\
         # A release expires after this time; publish or `stringless refresh` before that.\n\
         expires: 30d\n\n\
         # How nodes run the agent.\n\
         node:\n  schedule: timer   # timer, daemon, cron or boot\n  interval: 5m\n  splay: 1m\n  # role: web      # what nodes are; `stringless render --role` says it for one machine\n{puppet}"
    )
}

/// `text` as a YAML value, quoted where needed.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._/:".contains(c);
    if text.chars().all(plain) && text.starts_with(|c: char| c.is_ascii_alphabetic()) && !text.ends_with(':')
    {
        return text.to_owned();
    }
    serde_json::Value::from(text).to_string()
}

fn summary(args: &InitArgs, file: &Path, secret: &Path, key: &SecretKey) -> String {
    let next = match args.engine {
        EngineKind::Script => "put an executable file `apply` beside the site file",
        EngineKind::Puppet => "put your control repo beside the site file",
    };
    format!(
        "made site `{}`\n  {}   its settings\n  {}   secret key {}: keep a copy in a safe place\n\nnext: {next}, then `stringless publish`\n",
        args.site,
        file.display(),
        secret.display(),
        key.public().id()
    )
}

/// For editors: what they check the site file with.
fn schema_text() -> Result<String> {
    let text = serde_json::to_string_pretty(&schema::site());
    Ok(text.map_err(|e| Error::temporary(format!("writing JSON: {e}")))? + "\n")
}

fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|e| Error::io("making", path, e))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(|e| Error::io("writing", path, e))
}

/// The content of a file, with those of `lines` added that it lacks. The file may be the user's, in any encoding.
fn with_lines(path: PathBuf, lines: &[&str]) -> Result<(PathBuf, Vec<u8>)> {
    let mut bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(Error::io("reading", &path, e).hint("`init` adds lines to it")),
    };
    for line in lines.iter().map(|line| line.as_bytes()) {
        if bytes.split(|&b| b == b'\n').any(|there| there.trim_ascii_end() == line) {
            continue;
        }
        if bytes.last().is_some_and(|&last| last != b'\n') {
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
    }
    Ok((path, bytes))
}

const PUPPET: &str = "
# How nodes get Puppet: `auto` takes OpenVox where `stringless pin` has pinned it, otherwise the distribution's own package.
puppet:
  package: auto   # or openvox, distro; or one for each distro or family
";
