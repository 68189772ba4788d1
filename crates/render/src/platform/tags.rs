//! How a machine of a cloud reads its own tags: the key `tags` of `templates/clouds/<id>.yaml`.

use serde::{Deserialize, Serialize};
use stringless_core::tag::{RoleTag, TagAnswer, TagKey};

/// How a machine reads its own tags.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Tags {
    /// The path below the metadata service. `{key}` stands for the key of the tag.
    pub path: String,
    /// Where the value is in the answer; `{key}` as in `path`.
    #[serde(default, with = "serde_yaml::with::singleton_map")]
    #[cfg_attr(feature = "schema", schemars(with = "TagAnswer"))]
    pub answer: TagAnswer,
    /// The pointer to the value of a tag whose key is `NAMESPACE.KEY`; `{namespace}` and `{key}` are its parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaced: Option<String>,
    /// What a machine needs so that it can read its tag, with `{key}`.
    pub needs: String,
    /// The lines of `terraform.arguments` that switch this on; they replace `{tags}` there.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub terraform: String,
}

impl Tags {
    /// How a machine reads this tag.
    #[must_use]
    pub fn of(&self, tag: &TagKey) -> RoleTag {
        let filled = |text: &String| text.replace("{key}", tag.as_str());
        let namespaced = self.namespaced.as_ref().zip(tag.as_str().split_once('.'));
        let answer = match (namespaced, &self.answer) {
            (Some((pointer, (space, key))), _) => {
                TagAnswer::Json(pointer.replace("{namespace}", space).replace("{key}", key))
            }
            (None, TagAnswer::Json(pointer)) => TagAnswer::Json(filled(pointer)),
            (None, other) => other.clone(),
        };
        RoleTag { tag: tag.clone(), path: filled(&self.path), answer, needs: Some(filled(&self.needs)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::Platforms;

    #[test]
    fn each_cloud_with_tags_has_a_metadata_service_and_sound_settings() {
        let platforms = Platforms::embedded().unwrap();
        let with: Vec<_> = platforms.clouds.iter().filter(|cloud| cloud.tags.is_some()).collect();
        assert!(with.len() > 5);
        for cloud in with {
            let tags = cloud.tags.as_ref().unwrap();
            assert!(cloud.metadata.is_some(), "{}", cloud.id);
            for key in ["role", "team.role"] {
                let tag = tags.of(&TagKey::new(key).unwrap());
                assert_eq!(tag.check(), Ok(()), "{}", cloud.id);
                let written = serde_json::to_string(&tag).unwrap();
                assert!(!written.contains("{key}") && !written.contains("{namespace}"), "{written}");
                assert!(written.is_ascii(), "{written}");
            }
        }
    }

    #[test]
    fn a_key_with_a_dot_may_have_a_namespace() {
        let tags = |namespaced: Option<&str>| Tags {
            path: "/a/{key}".into(),
            answer: TagAnswer::Json("/free/{key}".into()),
            namespaced: namespaced.map(Into::into),
            needs: "the tag `{key}`".into(),
            terraform: String::new(),
        };
        let answer = |namespaced, key| tags(namespaced).of(&TagKey::new(key).unwrap()).answer;
        let pointer = |text: &str| TagAnswer::Json(text.into());
        assert_eq!(answer(None, "ops.role"), pointer("/free/ops.role"));
        assert_eq!(answer(Some("/defined/{namespace}/{key}"), "ops.role"), pointer("/defined/ops/role"));
        assert_eq!(answer(Some("/defined/{namespace}/{key}"), "role"), pointer("/free/role"));
        let tag = tags(None).of(&TagKey::new("role").unwrap());
        assert_eq!((tag.path.as_str(), tag.needs.as_deref()), ("/a/role", Some("the tag `role`")));
    }
}
