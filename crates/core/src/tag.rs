//! How a node finds its role in its own tag: what its cloud's metadata service says about the machine.
//!
//! A tag chooses a role, and never authorises anything: everybody who can change the tags in the cloud can change
//! the role.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::metadata::{self, Metadata};
use crate::name::Name;

/// The tag that holds the role. Part of `agent.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct RoleTag {
    /// The key of the tag.
    pub tag: TagKey,
    /// The path, requested with GET.
    pub path: String,
    /// Where the value is in the answer.
    #[serde(default, skip_serializing_if = "TagAnswer::is_text")]
    pub answer: TagAnswer,
    /// What the cloud needs so that the machine can read its tags, for the hint of an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,
}

/// Where the value of a tag is in the service's answer. A pointer is one of RFC 6901; the empty one is the whole
/// document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TagAnswer {
    /// The answer is the value.
    #[default]
    Text,
    /// The value is at this pointer.
    Json(String),
    /// At this pointer is a list of objects, each with `name` and `value`.
    Pairs(String),
    /// At this pointer is a list of texts without values: `KEY:VALUE` or `KEY=VALUE` counts.
    Names(String),
    /// Each line is such a text.
    Lines,
}

/// The key of a tag: it may stand in a path and in a pointer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(extend("pattern" = r"^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,99}$"))
)]
#[serde(try_from = "String", into = "String")]
pub struct TagKey(String);

/// Why a text is not a [`TagKey`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "tag `{0}`: use 1 to 100 letters, digits, `_`, `-`, `.` or `:`, starting with a letter, a digit or `_`"
)]
pub struct TagKeyError(String);

/// Why an answer gives no role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoRole {
    /// There is no such tag, or the answer is not what was expected: that may change by itself.
    Missing(&'static str),
    /// There is a tag, but what it says is not a role: somebody must change it.
    Wrong(String),
}

impl RoleTag {
    /// Checks the rules that the types do not express.
    ///
    /// # Errors
    /// A sentence that names the key at fault.
    pub fn check(&self) -> Result<(), String> {
        metadata::path("role_from", &self.path)?;
        match &self.answer {
            TagAnswer::Json(pointer) | TagAnswer::Pairs(pointer) | TagAnswer::Names(pointer)
                if !pointer.is_empty() && !metadata::is_pointer(pointer) =>
            {
                Err(format!("role_from: answer `{pointer}`: expected a pointer, as in `/instance/tags`"))
            }
            _ => Ok(()),
        }
    }

    /// Checks the rules, and that the configuration has the metadata service and no other role.
    ///
    /// # Errors
    /// A sentence that names the key at fault.
    pub fn check_beside(&self, role: Option<&Name>, metadata: Option<&Metadata>) -> Result<(), String> {
        match (role, metadata) {
            (Some(_), _) => Err("role and role_from: only one of them is possible".into()),
            (_, None) => Err("role_from: `metadata` is required, which says where the tags are".into()),
            _ => self.check(),
        }
    }

    /// Reads the role from the service's answer, which is not trusted.
    ///
    /// # Errors
    /// [`NoRole`].
    pub fn read(&self, answer: &str) -> Result<Name, NoRole> {
        let document = || -> Result<Value, NoRole> {
            serde_json::from_str(answer).map_err(|_| NoRole::Missing("the answer is not JSON"))
        };
        let list = |document: &Value, pointer: &str| -> Result<Vec<Value>, NoRole> {
            let found = document.pointer(pointer).and_then(Value::as_array);
            found.cloned().ok_or(NoRole::Missing("the answer has no list of tags"))
        };
        let texts: Vec<String> = match &self.answer {
            TagAnswer::Text => Vec::from([answer.trim().to_string()]),
            TagAnswer::Json(pointer) => text(document()?.pointer(pointer)).into_iter().collect(),
            TagAnswer::Pairs(pointer) => {
                let is_ours = |pair: &&Value| pair["name"] == self.tag.as_str();
                let values = list(&document()?, pointer)?;
                values.iter().filter(is_ours).filter_map(|pair| text(pair.get("value"))).collect()
            }
            TagAnswer::Names(pointer) => {
                let names = list(&document()?, pointer)?;
                names.iter().filter_map(|name| self.tag.value_in(name.as_str()?)).collect()
            }
            TagAnswer::Lines => answer.lines().filter_map(|line| self.tag.value_in(line.trim())).collect(),
        };
        match &*texts {
            [] => Err(NoRole::Missing("the machine has no such tag")),
            [role] => Name::new(role).map_err(|error| NoRole::Wrong(format!("its value: {error}"))),
            several => Err(NoRole::Wrong(format!("the machine has it {} times", several.len()))),
        }
    }
}

impl TagKey {
    /// The longest key, in bytes.
    pub const MAX: usize = 100;

    /// Parses a key.
    ///
    /// # Errors
    /// When a character or the length is outside the rule.
    pub fn new(text: &str) -> Result<Self, TagKeyError> {
        let bytes = text.as_bytes();
        let inside = |b: &u8| b.is_ascii_alphanumeric() || b"_-.:".contains(b);
        let ok = bytes.len() <= Self::MAX
            && bytes.first().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
            && bytes.iter().all(inside);
        let shown = || text.chars().take(80).flat_map(char::escape_debug).collect();
        if ok { Ok(Self(text.to_string())) } else { Err(TagKeyError(shown())) }
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value in a tag that is a name alone.
    fn value_in(&self, name: &str) -> Option<String> {
        name.strip_prefix(&self.0)?.strip_prefix([':', '=']).map(ToString::to_string)
    }
}

impl TagAnswer {
    fn is_text(&self) -> bool {
        *self == Self::Text
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null => None,
        // Not a name, so it is refused by its text.
        other => Some(other.to_string()),
    }
}

impl TryFrom<String> for TagKey {
    type Error = TagKeyError;
    fn try_from(text: String) -> Result<Self, TagKeyError> {
        Self::new(&text)
    }
}

impl From<TagKey> for String {
    fn from(key: TagKey) -> Self {
        key.0
    }
}

impl core::fmt::Display for TagKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(answer: TagAnswer) -> RoleTag {
        RoleTag { tag: TagKey::new("role").unwrap(), path: "/tags".into(), answer, needs: None }
    }

    fn read(answer: TagAnswer, text: &str) -> Result<String, NoRole> {
        tag(answer).read(text).map(|role| role.to_string())
    }

    const PAIRS: &str = r#"[{"name": "team", "value": "a"}, {"name": "role", "value": "web"}]"#;

    #[test]
    fn each_kind_of_answer_gives_the_role() {
        for (answer, text) in [
            (TagAnswer::Text, "web\n"),
            (TagAnswer::Json("/meta/role".into()), r#"{"meta": {"role": "web"}}"#),
            (TagAnswer::Pairs("".into()), PAIRS),
            (TagAnswer::Names("/tags".into()), r#"{"tags": ["blue", "role:web", 7, "roles:db"]}"#),
            (TagAnswer::Names("/tags".into()), r#"{"tags": ["role=web"]}"#),
            (TagAnswer::Lines, "blue\nrole:web\nmyrole:db\nrole\n"),
        ] {
            assert_eq!(read(answer.clone(), text).as_deref(), Ok("web"), "{answer:?}: {text}");
        }
    }

    #[test]
    fn no_tag_is_missing() {
        for (answer, text) in [
            (TagAnswer::Json("/meta/role".into()), r#"{"meta": {}}"#),
            (TagAnswer::Json("/meta/role".into()), r#"{"meta": {"role": null}}"#),
            (TagAnswer::Json("/meta/role".into()), "<html>"),
            (TagAnswer::Pairs("".into()), "[]"),
            (TagAnswer::Pairs("".into()), "{}"),
            (TagAnswer::Pairs("/x".into()), PAIRS),
            (TagAnswer::Names("/tags".into()), r#"{"tags": ["web"]}"#),
            (TagAnswer::Names("/tags".into()), r#"{"tags": "role:web"}"#),
            (TagAnswer::Lines, ""),
        ] {
            let found = read(answer.clone(), text);
            assert!(matches!(found, Err(NoRole::Missing(_))), "{answer:?}: {text}: {found:?}");
        }
    }

    #[test]
    fn a_value_that_is_no_name_is_refused() {
        let long = "x".repeat(64);
        let values =
            ["", "../web", "web db", "web\ndb", "$(reboot)", "-rf", "\u{1b}[2J", "w\u{e9}b", "a/b", &long];
        for value in values {
            let json = serde_json::json!({ "meta": { "role": value } }).to_string();
            let found = read(TagAnswer::Json("/meta/role".into()), &json);
            let Err(NoRole::Wrong(why)) = found else { panic!("{value:?}: {found:?}") };
            assert!(!why.contains('\u{1b}') && why.len() < 300, "{why:?}");
            assert!(matches!(read(TagAnswer::Text, value), Err(NoRole::Wrong(_))), "{value:?}");
        }
        let object = r#"{"meta": {"role": {"a": "web"}}}"#;
        assert!(matches!(read(TagAnswer::Json("/meta/role".into()), object), Err(NoRole::Wrong(_))));
        // Which of two would count is not for the agent to guess.
        let twice = read(TagAnswer::Lines, "role:web\nrole:db\n");
        assert_eq!(twice, Err(NoRole::Wrong("the machine has it 2 times".into())));
    }

    #[test]
    fn keys_can_stand_in_a_path() {
        for key in ["role", "Role", "team:role", "ops.role", "_r-1"] {
            assert!(TagKey::new(key).is_ok(), "{key}");
        }
        let long = "x".repeat(101);
        for key in ["", "a/b", "..", "a b", "a?b", "a#b", "a%2f", "a~1", "\u{e9}", "-a", ":a", &long] {
            assert!(TagKey::new(key).is_err(), "{key}");
        }
    }

    #[test]
    fn errors_name_the_key() {
        let read = |text: &str| {
            let tag: RoleTag = crate::json::parse(text.as_bytes()).map_err(|error| error.to_string())?;
            tag.check()
        };
        assert_eq!(read(r#"{"tag": "role", "path": "/a/role"}"#), Ok(()));
        assert_eq!(read(r#"{"tag": "role", "path": "/a", "answer": {"pairs": ""}}"#), Ok(()));
        for (text, expected) in [
            (r#"{"tag": "a b", "path": "/a"}"#, "tag `a b`"),
            (r#"{"tag": "role", "path": "a"}"#, "role_from: path `a`"),
            (r#"{"tag": "role", "path": "/a", "answer": {"json": "a"}}"#, "answer `a`"),
            (r#"{"tag": "role", "path": "/a", "answer": "xml"}"#, "xml"),
            (r#"{"path": "/a"}"#, "tag"),
        ] {
            let why = read(text).unwrap_err();
            assert!(why.contains(expected), "{why}");
        }
    }
}
