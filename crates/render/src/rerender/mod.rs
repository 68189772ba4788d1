//! An older rendering: whether what it pins and trusts is still current. No IO.

mod compare;

use std::io::Read;

use base64ct::{Base64, Encoding};
use serde::Serialize;
use serde_yaml::Value;
use stringless_core::config::{Config, CredentialSource, Layer};
use stringless_core::fault::Fault;
use stringless_core::manifest::AgentPin;
use stringless_core::name::Name;
use stringless_core::sigv4::Credentials;
use stringless_core::time::Timestamp;
use stringless_core::trust::TrustedKeys;

use crate::platform::Platforms;
use crate::request::MetadataLock;

/// The content of an older rendering.
#[derive(Clone, Debug)]
pub struct Rendering {
    /// The decoded text, followed by the decoded texts of the base64 in it.
    text: String,
    /// The node's configuration in the rendering.
    pub config: Config,
}

/// One reason why a rendering is out of date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// `keys`, `agent`, `serial`, `link`, `settings` or `script`.
    pub what: &'static str,
    /// What differs.
    pub why: String,
}

/// The current state of a site.
#[derive(Clone, Copy, Debug)]
pub struct Current<'a> {
    /// The site.
    pub site: &'a Name,
    /// The trusted keys.
    pub trust: &'a TrustedKeys,
    /// The pinned agent.
    pub pin: &'a AgentPin,
    /// The published serial; `None` before the first release.
    pub serial: Option<u64>,
    /// The time.
    pub now: Timestamp,
}

impl Rendering {
    /// Reads user-data of any form and encoding.
    ///
    /// # Errors
    /// When the bytes hold no configuration of the agent.
    pub fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let none = || {
            Fault::new("reading the rendering: it holds no configuration of the agent")
                .hint("`--check` takes the output of `stringless render`, in any form; for a volume, its file `user-data`")
        };
        let mut text = decoded(bytes).ok_or_else(none)?;
        // Documents hold files as base64; lines of shell hold scripts as base64.
        let carried: Vec<String> = runs(&text).iter().filter_map(|run| decoded(run.as_bytes())).collect();
        for more in carried.into_iter().chain(joined(&text)) {
            text.push('\n');
            text.push_str(&more);
        }
        let config = text.lines().find_map(config).ok_or_else(none)?;
        Ok(Self { text, config })
    }

    /// The layer of a site in the rendering.
    #[must_use]
    pub fn layer(&self, site: &Name) -> Option<&Layer> {
        self.config.layers.iter().find(|layer| layer.site == *site)
    }

    /// Whether the rendering restricts the metadata service to root.
    #[must_use]
    pub fn lock(&self) -> Option<MetadataLock> {
        [MetadataLock::Required, MetadataLock::Wanted]
            .into_iter()
            .find(|lock| self.text.contains(lock.without_firewall()))
    }

    /// The distro and cloud that it was rendered for, if its heading names them.
    #[must_use]
    pub fn pair(&self, platforms: &Platforms) -> Option<(String, String)> {
        let heading = self
            .text
            .lines()
            // Older ones have the time before `for`.
            .find_map(|line| Some(line.split_once("# Rendered ")?.1.split_once("for ")?.1))?;
        let (pair, _) = heading.split_once(" by stringless ")?;
        platforms.pairs().find_map(|(distro, cloud)| {
            let same = pair == format!("{} on {}", distro.name, cloud.name);
            same.then(|| (distro.id.clone(), cloud.id.clone()))
        })
    }

    /// The static keys in the rendering.
    #[must_use]
    pub fn static_keys(&self) -> Option<Credentials> {
        let stores = self.config.layers.iter().flat_map(|layer| &layer.stores);
        stores.flat_map(|store| &store.credentials).find_map(|source| match source {
            CredentialSource::Static(keys) => Some(keys.clone()),
            _ => None,
        })
    }

    /// Whether the rendering holds every line of `body`, in order. Other lines may be around them.
    #[must_use]
    pub fn holds(&self, body: &str) -> bool {
        let mut lines = self.text.lines().map(plain);
        body.lines().map(plain).all(|wanted| lines.any(|line| line == wanted))
    }

    /// The reasons that can be found without a new rendering.
    #[must_use]
    pub fn outdated(&self, current: &Current<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut find = |what, why: String| findings.push(Finding { what, why });
        let Some(layer) = self.layer(current.site) else { return findings };
        let (old, new) = (&layer.trust, current.trust);
        if old.version != new.version {
            find(
                "keys",
                format!(
                    "it trusts version {} of the keys; the current version is {}",
                    old.version, new.version
                ),
            );
        } else if old != new {
            find("keys", format!("its version {} of the keys is not the current one", old.version));
        }
        for key in old.keys.iter().filter(|key| !new.keys.contains(key)) {
            find("keys", format!("it trusts the key {}, which was removed", key.id()));
        }
        if let Some(serial) = current.serial.filter(|serial| *serial > layer.min_serial) {
            let own = layer.min_serial;
            find("serial", format!("it accepts release {own} and later ones; {serial} is published"));
        }
        let pinned = |sha256: &str| self.text.contains(sha256);
        let mut known = 0;
        for (target, file) in &current.pin.targets {
            match (self.text.contains(target.as_str()), pinned(&file.sha256.to_string())) {
                (_, true) => known += 1,
                (true, false) => find("agent", other(target, current.pin)),
                (false, false) => {}
            }
        }
        if known == 0 && !findings.iter().any(|finding| finding.what == "agent") {
            let why =
                format!("it pins none of the builds of agent {}, which is pinned now", current.pin.version);
            findings.push(Finding { what: "agent", why });
        }
        if let Some(end) = self.link_expires().filter(|end| *end <= current.now) {
            findings.push(Finding { what: "link", why: format!("its link to the agent expired at {end}") });
        }
        findings
    }

    /// When the signed link to the agent in it expires.
    fn link_expires(&self) -> Option<Timestamp> {
        let value = |name: &str| {
            let rest = self.text.split_once(name)?.1;
            Some(rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default())
        };
        let (at, seconds) = (value("X-Amz-Date=")?, value("X-Amz-Expires=")?.parse::<u64>().ok()?);
        // 20261120T180000Z
        let part = |from, to| at.get(from..to);
        let time = format!(
            "{}-{}-{}T{}:{}:{}Z",
            part(0, 4)?,
            part(4, 6)?,
            part(6, 8)?,
            part(9, 11)?,
            part(11, 13)?,
            part(13, 15)?
        );
        Some(Timestamp::parse(&time).ok()?.plus(seconds))
    }
}

fn other(target: &Name, pin: &AgentPin) -> String {
    format!("it pins another agent for {target} than {}, which is pinned now", pin.version)
}

/// Reads `agent.json` from a line: it stands on a line of its own, or in documents as a quoted string.
fn config(line: &str) -> Option<Config> {
    let start = CONFIG.iter().find_map(|start| line.find(start))?;
    let end = line.rfind('}')?;
    let text = line.get(start..=end)?;
    Config::parse(text.as_bytes()).ok().or_else(|| Config::parse(unquoted(text).as_bytes()).ok())
}

/// The text inside a quoted string.
fn unquoted(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    plain
}

/// A line without the changes of other languages: spaces before it, and a doubled sign before a brace.
fn plain(line: &str) -> String {
    line.trim().replace("$${", "${").replace("%%{", "%{")
}

/// Bytes as text: decompressed and decoded as often as needed, which is at most twice.
fn decoded(bytes: &[u8]) -> Option<String> {
    let mut bytes = bytes.to_vec();
    for _ in 0..3 {
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(&*bytes).take(MAX_BYTES).read_to_end(&mut unpacked).ok()?;
            bytes = unpacked;
            continue;
        }
        let packed: Vec<u8> = bytes.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
        match Base64::decode_vec(std::str::from_utf8(&packed).ok()?) {
            Ok(inner) if !inner.is_empty() => bytes = inner,
            _ => break,
        }
    }
    String::from_utf8(bytes).ok()
}

/// The text that a template of CloudFormation joins of parts, with `${NAME}` for each reference.
fn joined(text: &str) -> Option<String> {
    let parts = |found: &Value| Some(found.get(JOIN)?.as_sequence()?.get(1)?.as_sequence()?.clone());
    let part = |part: &Value| match part {
        Value::Tagged(reference) => Some(format!("${{{}}}", reference.value.as_str()?)),
        text => text.as_str().map(str::to_owned),
    };
    let mut left: Vec<Value> =
        text.contains(JOIN).then(|| serde_yaml::from_str(text).ok())?.into_iter().collect();
    while let Some(next) = left.pop() {
        if let Some(parts) = parts(&next) {
            return parts.iter().map(part).collect();
        }
        match next {
            Value::Mapping(map) => left.extend(map.into_iter().map(|(_, value)| value)),
            Value::Sequence(all) => left.extend(all),
            _ => {}
        }
    }
    None
}

/// The long runs of base64 in `text`. A run over several lines counts as one. The word that ends a shell's
/// here-document can look like base64, so each run is also tried without its last line.
fn runs(text: &str) -> Vec<String> {
    let inside = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    let is_run = |run: &String| run.len() >= CARRIED && Base64::decode_vec(run).is_ok();
    let lines: Vec<&str> = text.lines().collect();
    let blocks = lines.split(|line| line.is_empty() || !line.chars().all(inside)).flat_map(|block| {
        let short =
            block.iter().position(|line| line.len() < block[0].len()).map_or(block.len(), |at| at + 1);
        [short, short.saturating_sub(1)].map(|end| block[..end].concat())
    });
    let words = lines.iter().flat_map(|line| line.split(|c| !inside(c)).map(str::to_owned));
    blocks.chain(words).filter(is_run).collect()
}

/// The function of CloudFormation that joins texts.
const JOIN: &str = "Fn::Join";
/// The beginnings of a configuration, plain and quoted.
const CONFIG: [&str; 2] = [r#"{"format":"#, r#"{\"format\":"#];
/// The shortest run: longer than any word and any hash.
const CARRIED: usize = 200;
/// The most bytes that are decompressed: more than any user-data.
const MAX_BYTES: u64 = 1 << 22;

#[cfg(test)]
mod tests;
