//! What the page asks.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use stringless_core::fault::Fault;
use stringless_core::name::Name;
use stringless_core::sigv4::Credentials;
use stringless_render::choice::{self, Choice, Failure, Published};
use stringless_render::platform::Encoding;
use stringless_render::request::MetadataLock;

/// A question of the page.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(crate) enum Question {
    /// What there is to choose from.
    Catalogue {
        /// The time, in seconds since 1970: with it, distros are marked whose support has ended.
        #[serde(default)]
        now: Option<u64>,
    },
    /// What is known of files.
    Names {
        /// The files.
        files: Vec<File>,
    },
    /// The user-data of a choice.
    View(Box<Asked>),
}

impl Asked {
    /// What was published of an environment when the page was made.
    pub(crate) fn published(&self, environment: &Name) -> Published {
        if self.retired.contains(environment) {
            return Published::Retired;
        }
        let serial = self.serials.as_ref().and_then(|serials| serials.get(environment));
        serial.map_or(Published::Nothing, |serial| Published::Release(*serial))
    }
}

/// A choice, and the files of the site.
#[derive(Deserialize)]
pub(crate) struct Asked {
    /// The time, in seconds since 1970.
    pub now: u64,
    /// The files; none: the built-in example.
    #[serde(default)]
    pub files: Vec<File>,
    /// For each environment, the serial of the stable release when the page was made.
    #[serde(default)]
    pub serials: Option<BTreeMap<Name, u64>>,
    /// The environments that were retired when the page was made.
    #[serde(default)]
    pub retired: BTreeSet<Name>,
    /// What is chosen.
    #[serde(default)]
    pub choice: Written,
}

/// A file of the site.
#[derive(Deserialize)]
pub(crate) struct File {
    /// Its path in the folder that was dropped, or its name.
    pub name: String,
    /// Its bytes.
    pub base64: String,
}

/// A choice as the page writes it: what is null is not chosen.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Written {
    pub distro: Option<String>,
    pub cloud: Option<String>,
    pub environment: Option<String>,
    pub form: Option<String>,
    pub boot_agent: Option<String>,
    pub encoding: Option<String>,
    pub cpu: Option<String>,
    pub role: Option<String>,
    /// `key=value` each.
    pub labels: Vec<String>,
    pub min_serial: Option<u64>,
    pub lock: Option<String>,
    pub eol_ok: bool,
    pub draft: bool,
    pub keys: Option<Keys>,
}

/// Static keys for nodes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keys {
    id: String,
    secret: String,
    #[serde(default)]
    token: Option<String>,
}

impl Written {
    /// The choice that is written.
    pub(crate) fn parse(&self) -> Result<Choice, Failure> {
        let name = |flag: &str, text: Option<&str>| {
            text.map(|text| Name::new(text).map_err(|why| unfit(flag, &why.to_string(), "`--role web`")))
                .transpose()
        };
        let label = |text: &String| {
            let (key, value) = text
                .split_once('=')
                .ok_or_else(|| unfit("--label", &format!("`{text}`: expected KEY=VALUE"), LABEL))?;
            let key = Name::new(key).map_err(|why| unfit("--label", &why.to_string(), LABEL))?;
            Ok((key, value.to_owned()))
        };
        let labels = self.labels.iter().map(label).collect::<Result<Vec<_>, Failure>>()?;
        Ok(Choice {
            distro: self.distro.clone(),
            cloud: self.cloud.clone(),
            environment: name("--environment", self.environment.as_deref())?,
            form: self.form.as_deref().map(choice::form).transpose()?,
            boot_agent: self.boot_agent.clone(),
            encoding: self.encoding.as_deref().map(encoding).transpose()?,
            cpu: self.cpu.clone(),
            role: name("--role", self.role.as_deref())?,
            labels: choice::labels(&labels)?,
            min_serial: self.min_serial,
            lock: self.lock.as_deref().map(lock).transpose()?,
            eol_ok: self.eol_ok,
            draft: self.draft,
            ..Choice::default()
        })
    }

    /// The keys for nodes, if there are any.
    pub(crate) fn keys(&self) -> Option<Credentials> {
        let Keys { id, secret, token } = self.keys.as_ref()?;
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Some(Credentials {
            access_key_id: given(id)?,
            secret_access_key: given(secret)?,
            session_token: token.as_deref().and_then(given),
        })
    }
}

fn encoding(text: &str) -> Result<Encoding, Failure> {
    let known = Encoding::ALL.into_iter().find(|encoding| encoding.as_str() == text);
    let names = Encoding::ALL.map(Encoding::as_str).join(", ");
    known.ok_or_else(|| {
        unfit("--encoding", &format!("there is no encoding `{text}`"), &format!("one of {names}"))
    })
}

fn lock(text: &str) -> Result<MetadataLock, Failure> {
    match text {
        "wanted" => Ok(MetadataLock::Wanted),
        "required" => Ok(MetadataLock::Required),
        _ => Err(unfit("--lock-metadata", &format!("`{text}` is unknown"), "`wanted` or `required`")),
    }
}

fn unfit(flag: &str, why: &str, hint: &str) -> Failure {
    Failure::Choice(Fault::new(format!("reading {flag}: {why}")).hint(hint))
}

const LABEL: &str = "`--label dc=fra1`";
