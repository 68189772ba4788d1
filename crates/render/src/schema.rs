//! JSON Schemas of the files that people write, made from the types that read them.
//!
//! A schema refuses every file whose form the program refuses. It does not know the rules between several values, as
//! that an environment has either a branch or a tag.

use schemars::generate::{Contract, SchemaSettings};
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};
use stringless_core::fault::Fault;

use crate::platform::{Cloud, Distro, families};
use crate::site::Site;

/// The file of the schema of the site file, beside it, for editors.
pub const SITE_SCHEMA: &str = "stringless.schema.json";

/// The schema of `stringless.yaml`.
#[must_use]
pub fn site() -> Schema {
    let mut schema = read::<Site>("The site file, stringless.yaml");
    // Each has a default, but a site without any environment is refused.
    schema.insert("anyOf".into(), json!([{ "required": ["environments"] }, { "required": ["sources"] }]));
    schema
}

/// The schema of `distros/*.yaml`. A file needs only what its family does not give.
///
/// # Errors
/// When the embedded data of a family is damaged.
pub fn distro() -> Result<Schema, Fault> {
    let mut schema = read::<Distro>("A distribution, distros/ID.yaml");
    let all = schema.remove("required").unwrap_or_default();
    let (mut names, mut rules) = (Vec::new(), Vec::new());
    for (family, given) in families()? {
        let own = all.as_array().into_iter().flatten().filter_map(Value::as_str);
        let own: Vec<&str> = own.filter(|key| !given.contains_key(*key)).collect();
        rules.push(json!({
            "if": { "properties": { "family": { "const": family } } },
            "then": { "required": own },
        }));
        names.push(family);
    }
    schema.insert("required".into(), json!(["family"]));
    schema.insert("allOf".into(), rules.into());
    if let Some(family) = schema.pointer_mut("/properties/family").and_then(Value::as_object_mut) {
        family.insert("enum".into(), json!(names));
    }
    Ok(schema)
}

/// The schema of `templates/clouds/*.yaml`.
#[must_use]
pub fn cloud() -> Schema {
    read::<Cloud>("A cloud, templates/clouds/ID.yaml")
}

/// The schema of what is read as a `T`.
fn read<T: JsonSchema>(title: &str) -> Schema {
    of::<T>(Contract::Deserialize, title)
}

/// The schema of a `T`, in the draft that every editor knows.
#[must_use]
pub fn of<T: JsonSchema>(contract: Contract, title: &str) -> Schema {
    let mut settings = SchemaSettings::draft07();
    settings.contract = contract;
    let mut schema =
        settings.with_transform(RecursiveTransform(plain)).into_generator().into_root_schema_for::<T>();
    schema.insert("title".into(), title.into());
    schema
}

/// Writes the text of doc comments as plain text: lines joined, links as their words.
fn plain(schema: &mut Schema) {
    let Some(Value::String(text)) = schema.get("description") else { return };
    let paragraphs = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
    let text = paragraphs.collect::<Vec<_>>().join("\n\n").replace("[`", "`").replace("`]", "`");
    schema.insert("description".into(), text.into());
}
