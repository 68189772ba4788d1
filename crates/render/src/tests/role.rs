//! The role and the labels in what is rendered.

use stringless_core::tag::TagAnswer;

use super::*;
use crate::embed::source;
use crate::platform::Form;
use crate::request::Tool;
use crate::rerender::Rendering;

const FROM_TAG: &str = "node: {role_from: {tag: role}}\n";

fn labels(pairs: &[(&str, &str)]) -> Labels {
    let pairs = pairs.iter().map(|(key, value)| (Name::new(key).unwrap(), (*value).to_owned()));
    Labels::new(pairs.collect()).unwrap()
}

#[test]
fn the_flags_replace_what_the_site_says() {
    let case = Case::new(&format!("{SITE}node: {{role: base, labels: {{dc: fra1, tier: one}}}}\n"));
    let config = node_config(&case.request(true)).unwrap();
    assert_eq!(config.role.as_ref().map(Name::as_str), Some("base"));
    assert_eq!(config.labels, labels(&[("dc", "fra1"), ("tier", "one")]));
    let (web, own) = (Name::new("web").unwrap(), labels(&[("dc", "ams2")]));
    let request = Request { role: Some(&web), labels: &own, ..case.request(true) };
    let config = node_config(&request).unwrap();
    assert_eq!(config.role.as_ref(), Some(&web));
    assert_eq!(config.labels, labels(&[("dc", "ams2"), ("tier", "one")]));
    // `render --check` compares with the same role and labels.
    let text = render(&request).unwrap().text;
    let rendering = Rendering::read(text.as_bytes()).unwrap();
    assert_eq!(rendering.compared(&case.request(true)).unwrap(), []);
}

#[test]
fn a_script_without_role_and_labels_has_no_word_of_them() {
    let text = render(&Case::new(SITE).request(true)).unwrap().text;
    let config = text.lines().find(|line| line.starts_with("{\"format\"")).unwrap();
    assert!(!config.contains("\"role") && !config.contains("labels"), "{config}");
}

#[test]
fn a_tag_is_read_where_the_cloud_gives_it() {
    let case = Case::new(&format!("{SITE}{FROM_TAG}"));
    let mut kinds = Vec::new();
    for cloud in &case.platforms.clouds {
        let Ok(Delivery { boot, also, form }) = delivery(&case.platforms, case.distro(), cloud, None, None)
        else {
            continue;
        };
        let request = Request { cloud, boot, also, form, ..case.request(true) };
        let Some(tags) = &cloud.tags else {
            let fault = render(&request).unwrap_err();
            assert!(fault.message.contains("cannot read its own tags"), "{fault}");
            assert!(fault.hint.unwrap().contains("`--role ROLE`"));
            // The flag replaces the tag, so one site file is enough for all clouds.
            let web = Name::new("web").unwrap();
            let config = node_config(&Request { role: Some(&web), ..request }).unwrap();
            assert!(config.role_from.is_none() && config.role == Some(web), "{}", cloud.id);
            continue;
        };
        let config = node_config(&request).unwrap();
        assert_eq!(config.metadata, cloud.metadata, "{}", cloud.id);
        assert_eq!(config.role_from.as_ref().map(|tag| tag.tag.as_str()), Some("role"));
        let data = render(&request).unwrap();
        let needs = tags.needs.replace("{key}", "role");
        assert!(data.notes.iter().any(|note| note.ends_with(&needs)), "{}: {:?}", cloud.id, data.notes);
        kinds.push(std::mem::discriminant(&config.role_from.unwrap().answer));
    }
    for kind in [
        TagAnswer::Text,
        TagAnswer::Json(String::new()),
        TagAnswer::Pairs(String::new()),
        TagAnswer::Names(String::new()),
        TagAnswer::Lines,
    ] {
        assert!(kinds.contains(&std::mem::discriminant(&kind)), "no cloud answers as {kind:?}");
    }
}

#[test]
fn files_of_other_tools_let_the_machine_read_its_tags() {
    for (site, on) in [(SITE.to_owned(), false), (format!("{SITE}{FROM_TAG}"), true)] {
        let case = Case::new(&site);
        let request = Request { form: Form::Script, ..case.request(true) };
        let data = render(&request).unwrap();
        for (tool, line) in [
            (Tool::Terraform, "    instance_metadata_tags = \"enabled\"\n"),
            (Tool::CloudFormation, "        InstanceMetadataTags: enabled\n"),
        ] {
            let text = source(&request, &data, tool, None).unwrap();
            assert_eq!(text.contains(line), on, "{text}");
            assert!(!text.contains("{tags}"), "{text}");
        }
    }
}
