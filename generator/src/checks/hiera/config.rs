//! `hiera.yaml`: text → its levels, with the rules of Puppet. No IO.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_yaml::Value;
use stringless_render::yaml::{TOO_DEEP, too_deep};

use super::super::Fault;

/// The content of a `hiera.yaml`.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The folder of data for levels that name none.
    pub datadir: Option<String>,
    /// The levels of all hierarchies.
    pub levels: Vec<Level>,
}

/// A level: what it says about files.
#[derive(Clone, Debug, Default)]
pub struct Level {
    pub name: String,
    pub datadir: Option<String>,
    pub paths: Vec<String>,
    pub globs: Vec<String>,
    /// The function that reads its data.
    pub function: String,
    /// Its files of keys, from `options`.
    pub key_files: Vec<String>,
}

/// The result of reading.
pub enum Read {
    Good(Config),
    Faulty(Vec<Fault>),
}

/// Reads a `hiera.yaml`, of a module or of an environment.
pub fn read(content: &[u8], of_module: bool) -> Read {
    let faulty = |message: String| Read::Faulty(vec![Fault { path: None, line: None, message }]);
    if str::from_utf8(content).is_ok_and(|text| too_deep(text).is_some()) {
        return faulty(TOO_DEEP.into());
    }
    let value: Value = match serde_yaml::from_slice(content) {
        Ok(value) => value,
        Err(error) => return faulty(format!("Hiera cannot read it: {error}")),
    };
    match value.get("version").map(Value::as_u64) {
        Some(Some(5)) => {}
        Some(Some(4)) => {
            return match serde_yaml::from_value::<Version4>(value) {
                Ok(config) => Read::Good(config.into()),
                Err(error) => faulty(format!("Puppet refuses it: {error}")),
            };
        }
        Some(Some(3)) | None => {
            return faulty("Puppet ignores version 3 here: write it as `version: 5`".into());
        }
        Some(_) => return faulty("Puppet supports only the versions 4 and 5 here".into()),
    }
    let config: Version5 = match serde_yaml::from_value(value) {
        Ok(config) => config,
        Err(error) => return faulty(format!("Puppet refuses it: {error}")),
    };
    let faults = config.faults(of_module);
    if faults.is_empty() {
        return Read::Good(config.into());
    }
    let fault = |message| Fault { path: None, line: None, message: format!("Puppet refuses it: {message}") };
    Read::Faulty(faults.into_iter().map(fault).collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Version5 {
    #[serde(rename = "version")]
    _version: u64,
    defaults: Option<Defaults>,
    hierarchy: Option<Vec<Level5>>,
    plan_hierarchy: Option<Vec<Level5>>,
    default_hierarchy: Option<Vec<Level5>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Defaults {
    data_hash: Option<String>,
    lookup_key: Option<String>,
    data_dig: Option<String>,
    datadir: Option<String>,
    options: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Level5 {
    name: String,
    options: Option<Value>,
    data_hash: Option<String>,
    lookup_key: Option<String>,
    data_dig: Option<String>,
    hiera3_backend: Option<String>,
    path: Option<String>,
    paths: Option<Vec<String>>,
    glob: Option<String>,
    globs: Option<Vec<String>>,
    uri: Option<String>,
    uris: Option<Vec<String>>,
    mapped_paths: Option<[String; 3]>,
    datadir: Option<String>,
}

impl Version5 {
    fn faults(&self, of_module: bool) -> Vec<String> {
        let mut faults = Vec::new();
        if self.default_hierarchy.is_some() && !of_module {
            faults.push("`default_hierarchy` is for modules only".to_owned());
        }
        let default = self.defaults.as_ref().is_none_or(|defaults| {
            [&defaults.data_hash, &defaults.lookup_key, &defaults.data_dig].iter().any(|f| f.is_some())
        });
        for levels in [&self.hierarchy, &self.plan_hierarchy, &self.default_hierarchy].into_iter().flatten() {
            let mut names = BTreeSet::new();
            for level in levels {
                let name = &level.name;
                if !names.insert(name) {
                    faults.push(format!("two levels have the name `{name}`"));
                }
                if level.hiera3_backend.is_some() {
                    faults.push(format!(
                        "level `{name}`: `hiera3_backend` is for Puppet's own hiera.yaml only"
                    ));
                }
                match level.functions() {
                    0 if !default => faults.push(format!(
                        "level `{name}` names none of `data_hash`, `lookup_key` and `data_dig`, nor does `defaults`"
                    )),
                    0 | 1 => {}
                    _ => faults.push(format!(
                        "level `{name}` names more than one of `data_hash`, `lookup_key` and `data_dig`"
                    )),
                }
                if level.locations() > 1 {
                    faults.push(format!(
                        "level `{name}` has more than one of `path`, `paths`, `glob`, `globs`, `uri`, `uris` and `mapped_paths`"
                    ));
                }
            }
        }
        faults
    }
}

impl Level5 {
    fn functions(&self) -> usize {
        let all = [&self.data_hash, &self.lookup_key, &self.data_dig, &self.hiera3_backend];
        all.iter().filter(|function| function.is_some()).count()
    }

    fn locations(&self) -> usize {
        let one = [&self.path, &self.glob, &self.uri].iter().filter(|place| place.is_some()).count();
        let several = [&self.paths, &self.globs, &self.uris].iter().filter(|place| place.is_some()).count();
        one + several + usize::from(self.mapped_paths.is_some())
    }
}

impl From<Version5> for Config {
    fn from(config: Version5) -> Self {
        let common = || vec![Level { paths: vec!["common.yaml".into()], ..Level::default() }];
        let mut levels =
            config.hierarchy.map_or_else(common, |levels| levels.into_iter().map(Level::from).collect());
        for more in [config.plan_hierarchy, config.default_hierarchy].into_iter().flatten() {
            levels.extend(more.into_iter().map(Level::from));
        }
        let Some(defaults) = config.defaults else { return Self { datadir: None, levels } };
        let function = defaults.data_hash.or(defaults.lookup_key).or(defaults.data_dig);
        for level in levels.iter_mut().filter(|level| level.function.is_empty()) {
            level.function = function.clone().unwrap_or_default();
            level.key_files = key_files(defaults.options.as_ref());
        }
        Self { datadir: defaults.datadir, levels }
    }
}

/// The private keys that `options` name: only the option of hiera-eyaml is known.
fn key_files(options: Option<&Value>) -> Vec<String> {
    let named = options.and_then(Value::as_mapping).into_iter().flatten();
    let keys = named.filter(|(key, _)| key.as_str().is_some_and(|key| key.ends_with("private_key")));
    keys.filter_map(|(_, value)| value.as_str().map(str::to_owned)).collect()
}

impl From<Level5> for Level {
    fn from(level: Level5) -> Self {
        let mut paths: Vec<String> =
            level.path.into_iter().chain(level.paths.into_iter().flatten()).collect();
        paths.extend(level.mapped_paths.map(|[_, _, template]| template));
        let globs = level.glob.into_iter().chain(level.globs.into_iter().flatten()).collect();
        let function = level.data_hash.or(level.lookup_key).or(level.data_dig).or(level.hiera3_backend);
        Self {
            name: level.name,
            datadir: level.datadir,
            paths,
            globs,
            function: function.unwrap_or_default(),
            key_files: key_files(level.options.as_ref()),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Version4 {
    #[serde(rename = "version")]
    _version: u64,
    datadir: Option<String>,
    hierarchy: Option<Vec<Level4>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Level4 {
    name: String,
    backend: String,
    datadir: Option<String>,
    path: Option<String>,
    paths: Option<Vec<String>>,
}

impl From<Version4> for Config {
    fn from(config: Version4) -> Self {
        let level = |level: Level4| {
            let end = if level.backend == "hocon" { ".conf".into() } else { format!(".{}", level.backend) };
            let paths = level.paths.unwrap_or_else(|| vec![level.path.unwrap_or_else(|| level.name.clone())]);
            let whole = |path: String| if path.ends_with(&end) { path } else { path + &end };
            let paths = paths.into_iter().map(whole).collect();
            Level { name: level.name, datadir: level.datadir, paths, ..Level::default() }
        };
        let common = || vec![Level { paths: vec!["common.yaml".into()], ..Level::default() }];
        let levels = config.hierarchy.map_or_else(common, |levels| levels.into_iter().map(level).collect());
        Self { datadir: config.datadir, levels }
    }
}
