//! How a node gets its id and region from its cloud's metadata service. Part of `agent.json` for systems
//! whose first-boot agent does not leave this data on disk.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::name::Name;

/// The metadata service of a cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Metadata {
    /// How to recognise a machine of this cloud: names of [`DMI`] and the beginning of their texts, ignoring
    /// case. The service is queried only if all texts of at least one set match; an empty list matches every
    /// machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dmi: Vec<BTreeMap<String, String>>,
    /// Words of the kernel's command line, each of which also identifies a machine of this cloud.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kernel: Vec<String>,
    /// Where the service is: each `http://host`, put before a path. The first address that answers is used.
    /// An address of IPv6 that is valid on one network interface only ends with [`EACH_INTERFACE`].
    #[serde(with = "addresses")]
    #[cfg_attr(feature = "schema", schemars(with = "addresses::OneOrSeveral"))]
    pub address: Vec<String>,
    /// Headers of every request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The request for a token, if the service requires one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
    /// The id of the instance.
    pub instance_id: Question,
    /// The region, or the closest thing that the cloud has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Question>,
}

/// The request for a token, which later requests send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Token {
    /// The path, requested with PUT.
    pub path: String,
    /// Headers of that request.
    pub headers: BTreeMap<String, String>,
    /// The header in which later requests send the token.
    pub header: String,
}

/// A request for one value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Question {
    /// The path, requested with GET.
    pub path: String,
    /// The JSON pointer (RFC 6901) to the value in the answer; none: the whole answer is the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<String>,
    /// Keep only the text after the last such character, as `/` in `projects/1/zones/z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<char>,
    /// Then keep only the text before the last such character, as `-` in `europe-west3-b`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<char>,
}

impl Metadata {
    /// Checks the rules that the types do not express.
    ///
    /// # Errors
    /// A sentence that names the key at fault.
    pub fn check(&self) -> Result<(), String> {
        for (name, text) in self.dmi.iter().flatten() {
            if !DMI.iter().any(|(known, _)| known == name) {
                let known: Vec<&str> = DMI.iter().map(|(name, _)| *name).collect();
                return Err(format!("dmi: `{name}` is not one of {}", known.join(", ")));
            }
            if text.is_empty() {
                return Err(format!("dmi: the text of `{name}` is empty: it matches every machine"));
            }
        }
        if self.dmi.iter().any(BTreeMap::is_empty) {
            return Err("dmi: a set is empty: it matches every machine".into());
        }
        if let Some(wrong) = self.kernel.iter().find(|word| !is_word(word)) {
            return Err(format!("kernel: `{}` is not a word", wrong.escape_debug()));
        }
        if self.address.is_empty() {
            return Err("address: expected at least one `http://host`".into());
        }
        if let Some(wrong) = self.address.iter().find(|address| !is_address(address)) {
            return Err(format!(
                "address `{wrong}`: expected `http://host` without a path; an address in `fe80::/10` ends with \
                 `{EACH_INTERFACE}`, as in `http://[fe80::1{EACH_INTERFACE}]`"
            ));
        }
        headers("headers", &self.headers)?;
        if let Some(token) = &self.token {
            path("token", &token.path)?;
            headers("token: headers", &token.headers)?;
            if !is_header(&token.header) {
                return Err(format!("token: header: `{}` is not a header name", token.header));
            }
        }
        self.instance_id.check("instance_id")?;
        self.region.as_ref().map_or(Ok(()), |region| region.check("region"))
    }
}

impl Question {
    fn check(&self, key: &str) -> Result<(), String> {
        path(key, &self.path)?;
        match &self.json {
            Some(pointer) if !is_pointer(pointer) => {
                Err(format!("{key}: json `{pointer}`: expected a pointer, as in `/instance/id`"))
            }
            _ => Ok(()),
        }
    }

    /// Reads the value from the service's answer.
    ///
    /// # Errors
    /// A sentence that does not quote the answer, which may contain something other than expected.
    pub fn read(&self, answer: &str) -> Result<Name, &'static str> {
        let text = match &self.json {
            None => answer.to_string(),
            Some(pointer) => {
                let document: Value = serde_json::from_str(answer).map_err(|_| "the answer is not JSON")?;
                match document.pointer(pointer) {
                    Some(Value::String(text)) => text.clone(),
                    Some(Value::Number(number)) => number.to_string(),
                    _ => return Err("the answer has no text or number there"),
                }
            }
        };
        let mut text = text.trim();
        if let Some(mark) = self.after {
            text = text.rsplit(mark).next().unwrap_or(text);
        }
        if let Some((before, _)) = self.before.and_then(|mark| text.rsplit_once(mark)) {
            text = before;
        }
        Name::from_instance_id(text).ok_or("the answer is not a name")
    }
}

/// Texts of a machine's firmware: the file in `/sys/class/dmi/id/` on Linux, and the kenv(1) variable on
/// FreeBSD.
pub const DMI: [(&str, &str); 14] = [
    ("bios_vendor", "smbios.bios.vendor"),
    ("bios_version", "smbios.bios.version"),
    ("board_asset_tag", "smbios.planar.tag"),
    ("board_name", "smbios.planar.product"),
    ("board_vendor", "smbios.planar.maker"),
    ("chassis_asset_tag", "smbios.chassis.tag"),
    ("chassis_vendor", "smbios.chassis.maker"),
    ("chassis_version", "smbios.chassis.version"),
    ("product_family", "smbios.system.family"),
    ("product_name", "smbios.system.product"),
    ("product_serial", "smbios.system.serial"),
    ("product_uuid", "smbios.system.uuid"),
    ("product_version", "smbios.system.version"),
    ("sys_vendor", "smbios.system.maker"),
];

/// Stands for the name of an interface in a link-local address of IPv6: the address is tried on each
/// interface.
pub const EACH_INTERFACE: &str = "%*";

/// One address is written as text, as it was before there could be several.
mod addresses {
    use alloc::string::String;
    use alloc::vec::Vec;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Deserialize)]
    #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
    #[serde(untagged, expecting = "address: expected `http://host`, or a list of them")]
    pub(super) enum OneOrSeveral {
        One(String),
        Several(Vec<String>),
    }

    pub(super) fn serialize<S: Serializer>(all: &[String], to: S) -> Result<S::Ok, S::Error> {
        match all {
            [one] => one.serialize(to),
            several => several.serialize(to),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
        Ok(match OneOrSeveral::deserialize(from)? {
            OneOrSeveral::One(one) => Vec::from([one]),
            OneOrSeveral::Several(several) => several,
        })
    }
}

/// A word of the kernel's command line.
fn is_word(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_graphic())
}

/// `http://`, a host name or IP address, and an optional port.
fn is_address(text: &str) -> bool {
    let Some(host) = text.strip_prefix("http://") else { return false };
    let (host, rest) = match host.strip_prefix('[') {
        Some(six) => match six.split_once(']') {
            Some((six, rest)) if is_six(six) => ("six", rest),
            _ => return false,
        },
        None => host.find(':').map_or((host, ""), |at| host.split_at(at)),
    };
    let port = rest.strip_prefix(':').map(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    let inside = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    !host.is_empty() && host.bytes().all(inside) && port.unwrap_or(rest.is_empty())
}

/// An address of IPv6. A link-local one needs an interface, and no other may have one: RFC 4007.
fn is_six(text: &str) -> bool {
    let (bare, scoped) = match text.strip_suffix(EACH_INTERFACE) {
        Some(bare) => (bare, true),
        None => (text, false),
    };
    bare.parse::<core::net::Ipv6Addr>().is_ok_and(|six| (six.segments()[0] & 0xffc0 == 0xfe80) == scoped)
}

pub(crate) fn path(key: &str, path: &str) -> Result<(), String> {
    if path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
        return Ok(());
    }
    Err(format!("{key}: path `{}`: expected ASCII that begins with `/`", path.escape_debug()))
}

fn headers(key: &str, headers: &BTreeMap<String, String>) -> Result<(), String> {
    for (name, value) in headers {
        if !is_header(name) || !value.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) {
            return Err(format!("{key}: `{}` cannot be sent", name.escape_debug()));
        }
    }
    Ok(())
}

/// A `token` of RFC 9110, 5.6.2.
fn is_header(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// A pointer (RFC 6901, 3) to a part of the document.
pub(crate) fn is_pointer(text: &str) -> bool {
    text.starts_with('/') && text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"dmi": [{"sys_vendor": "Amazon EC2"}, {"product_uuid": "ec2"}],
        "address": "http://169.254.169.254", "headers": {"Accept": "text/plain, */*"},
        "token": {"path": "/latest/api/token", "header": "X-aws-ec2-metadata-token",
                  "headers": {"X-aws-ec2-metadata-token-ttl-seconds": "60"}},
        "instance_id": {"path": "/latest/meta-data/instance-id?a=b"},
        "region": {"path": "/v1.json", "json": "/region/a~1b~0/0", "after": "/", "before": "-"}}"#;

    fn checked(text: &str) -> Result<(), String> {
        let metadata: Metadata = crate::json::parse(text.as_bytes()).map_err(|error| error.to_string())?;
        metadata.check()
    }

    #[test]
    fn accepts_the_settings_of_real_clouds() {
        assert_eq!(checked(GOOD), Ok(()));
        for address in ["http://metadata.google.internal", "http://[fd00:ec2::254]:80", "http://a:8080"] {
            assert_eq!(checked(&GOOD.replace("http://169.254.169.254", address)), Ok(()), "{address}");
        }
        let both = r#"["http://169.254.169.254", "http://[fe80::a9fe:a9fe%*]"]"#;
        assert_eq!(checked(&GOOD.replace(r#""http://169.254.169.254""#, both)), Ok(()));
    }

    #[test]
    fn errors_name_the_key() {
        let cases = [
            ("sys_vendor", "sys_vendors", "`sys_vendors` is not one of bios_vendor"),
            ("\"Amazon EC2\"", "\"\"", "`sys_vendor` is empty"),
            ("{\"product_uuid\": \"ec2\"}", "{}", "a set is empty"),
            ("\"address\"", "\"kernel\": [\"\"], \"address\"", "kernel: `` is not a word"),
            ("\"address\"", "\"kernel\": [\"a b\"], \"address\"", "kernel: `a b` is not a word"),
            ("http://169.254.169.254", "https://169.254.169.254", "address `https:"),
            ("http://169.254.169.254", "http://", "address"),
            ("http://169.254.169.254", "http://a/", "address"),
            ("http://169.254.169.254", "http://a:0", "address"),
            ("http://169.254.169.254", "http://a:80b", "address"),
            ("http://169.254.169.254", "http://user@a", "address"),
            ("http://169.254.169.254", "http://[fd00::1", "address"),
            ("http://169.254.169.254", "http://[fe80::1%eth0]", "address"),
            ("http://169.254.169.254", "http://[fe80::1]", "address"),
            ("http://169.254.169.254", "http://[fd00::1%*]", "address"),
            ("http://169.254.169.254", "http://169.254.169.254%*", "address"),
            ("\"http://169.254.169.254\"", "[]", "at least one"),
            ("\"http://169.254.169.254\"", "[\"http://a\", \"http://b/\"]", "address `http://b/`"),
            ("\"http://169.254.169.254\"", "17", "or a list of them"),
            ("http://169.254.169.254", "http://a\\r\\nb", "address"),
            ("/latest/api/token", "latest", "token: path"),
            ("/latest/api/token", "/a b", "token: path"),
            ("\"/v1.json\"", "\"/v1#x\"", "region: path"),
            ("instance-id?a=b", "\\u0000", "instance_id: path"),
            ("text/plain", "a\\r\\nHost: b", "headers: `Accept` cannot be sent"),
            ("\"Accept\"", "\"A b\"", "headers: `A b`"),
            ("-ttl-seconds", "\\n", "token: headers"),
            ("\"X-aws-ec2-metadata-token\"", "\"\"", "token: header"),
            ("/region/a~1b~0/0", "region", "json `region`"),
            ("/region/a~1b~0/0", "", "json ``"),
            ("/region/a~1b~0/0", "/a~2", "json `/a~2`"),
            ("\"after\": \"/\"", "\"after\": \"//\"", "expected a character"),
            ("\"path\": \"/v1.json\"", "\"paths\": \"/v1.json\"", "missing field `path`"),
        ];
        for (from, to, expected) in cases {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD, "{from}");
            let why = checked(&text).unwrap_err();
            assert!(why.contains(expected), "{to}: {why}");
        }
    }

    #[test]
    fn one_address_is_written_as_text() {
        let metadata: Metadata = crate::json::parse(GOOD.as_bytes()).unwrap();
        let written = serde_json::to_value(&metadata).unwrap();
        assert_eq!(written["address"], "http://169.254.169.254");
        let several =
            Metadata { address: Vec::from(["http://a".to_string(), "http://b".into()]), ..metadata };
        let written = serde_json::to_value(&several).unwrap();
        assert_eq!(written["address"], serde_json::json!(["http://a", "http://b"]));
        let read: Metadata = crate::json::parse(written.to_string().as_bytes()).unwrap();
        assert_eq!(read, several);
    }

    #[test]
    fn reads_text_and_json_answers() {
        let question = |json: Option<&str>, after, before| Question {
            path: "/".into(),
            json: json.map(Into::into),
            after,
            before,
        };
        let read = |question: &Question, answer| question.read(answer).map(|name| name.to_string());
        let plain = question(None, None, None);
        assert_eq!(read(&plain, "i-0abc\n").as_deref(), Ok("i-0abc"));
        let zone = question(None, Some('/'), Some('-'));
        assert_eq!(read(&zone, "projects/1/zones/europe-west3-b").as_deref(), Ok("europe-west3"));
        let number = question(Some("/a/0"), None, None);
        assert_eq!(read(&number, r#"{"a": [17, "x"]}"#).as_deref(), Ok("17"));
        for answer in ["", "<html>", "a b", "i-1\ni-2", "../x", "\u{e9}"] {
            assert!(plain.read(answer).is_err(), "{answer:?}");
        }
        for answer in ["", "17", "{}", r#"{"a": [null]}"#, r#"{"a": [{}]}"#, r#"{"a": ["../x"]}"#] {
            assert!(number.read(answer).is_err(), "{answer:?}");
        }
    }
}
