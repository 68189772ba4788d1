//! The files of a site, as a browser gives them: which of them is what, and what they hold.

use std::collections::BTreeMap;

use base64ct::{Base64, Encoding as _};
use serde::Serialize;
use stringless_core::config::Layer;
use stringless_core::fault::Fault;
use stringless_core::json;
use stringless_core::name::Name;
use stringless_render::agent_lock::{AgentLock, LOCK_FILE};
use stringless_render::choice::{self, Failure};
use stringless_render::layer::{self, Layers};
use stringless_render::platform::Platforms;
use stringless_render::site::{Environment, Site, Source};
use stringless_render::trust_chain::{self, TrustFile};

use crate::question::File;

/// A site file with the files around it.
pub(crate) struct Files {
    /// The site file.
    pub site: Site,
    /// Each file with what it is.
    pub listed: Vec<Listed>,
    /// The name of the site file.
    origin: String,
    /// Name below the site's folder -> bytes.
    held: BTreeMap<String, Vec<u8>>,
}

/// A file, and what it is taken for.
#[derive(Serialize)]
pub(crate) struct Listed {
    /// As the question names it.
    pub name: String,
    /// `site file`, `trust`, `lock file`, `CA`, `layer`, or `not used`.
    pub role: &'static str,
}

impl Files {
    /// Finds the site file, and reads it.
    pub(crate) fn read(files: &[File]) -> Result<Self, Fault> {
        let Some(file) = site_file(files) else {
            return Err(Fault::new("reading the files: there is no site file among them").hint(
                "load `stringless.yaml` with its `stringless.lock.json` and the newest file of `trust/`; \
                 `stringless init` makes them",
            ));
        };
        let folder = file.name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let below = |name: &str| match name.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')) {
            Some(rest) if !folder.is_empty() => rest.to_owned(),
            _ => name.to_owned(),
        };
        let mut held = BTreeMap::new();
        for file in files {
            let bytes = Base64::decode_vec(&file.base64)
                .map_err(|_| Fault::new(format!("reading `{}`: it did not arrive whole", file.name)))?;
            held.insert(below(&file.name), bytes);
        }
        let origin = below(&file.name);
        let failed =
            |why: String| Fault::new(format!("reading `{origin}`: {why}")).hint("load the site file");
        let text = held.get(&origin).map(Vec::as_slice).unwrap_or_default();
        if text.len() > MAX_SITE_FILE {
            return Err(failed(format!("larger than {MAX_SITE_FILE} bytes")));
        }
        let text = std::str::from_utf8(text).map_err(|_| failed("it is not UTF-8".into()))?;
        let site = Site::parse(text, &origin)?;
        let mut read = Self { site, listed: Vec::new(), origin, held };
        read.listed = files
            .iter()
            .map(|file| Listed { name: file.name.clone(), role: read.role(&below(&file.name)) })
            .collect();
        Ok(read)
    }

    fn role(&self, name: &str) -> &'static str {
        match name {
            name if name == self.origin => "site file",
            name if base(name) == LOCK_FILE => "lock file",
            name if self.site.node.ca_file.as_deref().is_some_and(|own| base(own) == base(name)) => "CA",
            name if self.site.node.layers.all().any(|own| base(own) == base(name)) => "layer",
            name if version(name).is_some() => "trust",
            name if self.is_layer(name) => "layer",
            _ => "not used",
        }
    }

    /// Whether a file that the site file does not name is the output of `stringless layer`.
    fn is_layer(&self, name: &str) -> bool {
        let value = self.held.get(name).and_then(|bytes| json::parse::<serde_json::Value>(bytes).ok());
        value.is_some_and(|value| {
            ["site", "environment", "trust", "stores"].iter().all(|key| value.get(key).is_some())
        })
    }

    /// The files of a role: name and bytes.
    fn of(&self, role: &'static str) -> impl Iterator<Item = (&str, &[u8])> {
        let of = move |(name, _): (&'_ String, &'_ Vec<u8>)| self.role(name) == role;
        self.held.iter().filter(move |&one| of(one)).map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    /// The name of the site file, if it is not the one that the command looks for.
    pub(crate) fn other_name(&self) -> Option<&str> {
        Some(self.origin.as_str()).filter(|name| *name != SITE_FILE)
    }

    /// The files that the site file names, as paths below its folder.
    pub(crate) fn needed(&self) -> Vec<String> {
        let node = &self.site.node;
        node.ca_file.iter().chain(node.layers.all()).map(|name| plain(name).to_owned()).collect()
    }

    /// The lock file; without one, an empty lock. Its pins of Puppet's packages are added to the site.
    pub(crate) fn lock(&mut self, platforms: &Platforms) -> Result<AgentLock, Fault> {
        let found = self.of("lock file").next().map(|(name, bytes)| AgentLock::parse(bytes, name));
        let lock = found.transpose()?.unwrap_or_default();
        lock.add_puppet(&mut self.site, &self.origin, platforms)?;
        Ok(lock)
    }

    /// The environment to render for. A branch of `sources` is known only where the repository is, so its name is
    /// taken as it is given.
    pub(crate) fn environment(&mut self, asked: Option<&Name>) -> Result<Name, Failure> {
        let mut sources = self.site.sources.values();
        let first = sources.next().map(|source| source.apply.clone());
        // Of two sources, nobody knows which one has the branch; it makes no difference if both are applied alike.
        if let (Some(name), Some(apply)) = (asked, first)
            && sources.all(|source| source.apply == apply)
        {
            let branch = Environment { source: Source::default(), apply };
            self.site.environments.entry(name.clone()).or_insert(branch);
        }
        choice::environment(&self.site, &BTreeMap::new(), asked)
    }

    /// The trust documents that were given: the newest is enough.
    pub(crate) fn trust(&self) -> Result<Vec<TrustFile>, Fault> {
        let mut given: Vec<(u64, &str, &[u8])> =
            self.of("trust").filter_map(|(name, bytes)| Some((version(name)?, name, bytes))).collect();
        given.sort_unstable();
        let mut chain = Vec::new();
        for (version, name, bytes) in given {
            chain.push(trust_chain::follow(&chain, version, bytes.to_vec(), name, &self.site.site)?);
        }
        if chain.is_empty() {
            return Err(Fault::new("reading `trust/1.json`: it is not among the files")
                .hint("load the newest file of `trust/`; `stringless init` makes the first"));
        }
        Ok(chain)
    }

    /// The layers: those of the site file, then the other files that are layers.
    pub(crate) fn layers(&self) -> Result<Layers, Fault> {
        let read = |named: &[String]| -> Result<Vec<Layer>, Fault> {
            named
                .iter()
                .map(|name| {
                    let missing = || {
                        Fault::new(format!("reading the layer `{name}`: it is not among the files")).hint(
                            "load it; `stringless layer --out FILE` makes it in the other site's folder",
                        )
                    };
                    layer::parse(self.named(name).ok_or_else(missing)?, name)
                })
                .collect()
        };
        let own = &self.site.node.layers;
        let mut after = read(&own.after)?;
        after.extend(read(&self.other_layers())?);
        Layers::new(&self.site.site, read(&own.before)?, after)
    }

    /// The files of layers that the site file does not name.
    pub(crate) fn other_layers(&self) -> Vec<String> {
        let named = |name: &str| self.site.node.layers.all().any(|own| base(own) == base(name));
        self.of("layer").map(|(name, _)| name.to_owned()).filter(|name| !named(name)).collect()
    }

    /// The text of the site's `ca_file`.
    pub(crate) fn ca_pem(&self) -> Result<Option<String>, Fault> {
        let Some(name) = &self.site.node.ca_file else { return Ok(None) };
        let missing = || {
            Fault::new(format!("reading `{name}`: it is not among the files"))
                .hint("load it, or check `node.ca_file` in the site file")
        };
        let bytes = self.named(name).ok_or_else(missing)?;
        let text = String::from_utf8(bytes.to_vec()).map_err(|_| {
            Fault::new(format!("reading `{name}`: it is not UTF-8")).hint("check `node.ca_file`")
        })?;
        Ok(Some(text))
    }

    /// The file that the site file calls `name`: at this path, or of this name.
    fn named(&self, name: &str) -> Option<&[u8]> {
        let exact = self.held.get(plain(name));
        let alike = || self.held.iter().find(|(held, _)| base(held) == base(name)).map(|(_, bytes)| bytes);
        exact.or_else(alike).map(Vec::as_slice)
    }
}

/// The site file: `stringless.yaml` in the uppermost folder, or the only file of YAML.
fn site_file(files: &[File]) -> Option<&File> {
    let depth = |file: &&File| file.name.matches('/').count();
    let named = files.iter().filter(|file| base(&file.name) == SITE_FILE).min_by_key(depth);
    let mut yaml = files.iter().filter(|file| file.name.ends_with(".yaml") || file.name.ends_with(".yml"));
    let only = yaml.next().filter(|_| yaml.next().is_none());
    named.or(only)
}

/// The version in the name of a trust document.
fn version(name: &str) -> Option<u64> {
    let (folder, file) = name.rsplit_once('/').unwrap_or(("trust", name));
    file.strip_suffix(".json").filter(|_| base(folder) == "trust")?.parse().ok()
}

/// A path below the site's folder, without the `./` that may stand before it.
fn plain(name: &str) -> &str {
    name.trim_start_matches("./")
}

fn base(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// The name of the site file.
const SITE_FILE: &str = "stringless.yaml";
/// The largest site file.
const MAX_SITE_FILE: usize = 1 << 20;
