//! The schemas that the program prints, judged by a validator that others wrote.

mod files;
mod outputs;

use serde_json::Value;

#[test]
fn every_schema_is_one_and_explains_itself() {
    let all = stringless::schemas::all().unwrap();
    assert!(all.len() > 25, "{}", all.len());
    for one in all {
        let schema: Value = one.schema.into();
        assert!(jsonschema::draft7::meta::is_valid(&schema), "{}", one.name);
        assert!(schema["title"].as_str().is_some_and(|title| title.len() > 10), "{}", one.name);
        let unexplained = unexplained(&schema);
        assert!(unexplained.is_empty(), "{}: no description: {}", one.name, unexplained.join(", "));
    }
}

/// The properties without a description.
fn unexplained(schema: &Value) -> Vec<String> {
    let definitions = schema["definitions"].as_object().into_iter().flatten();
    let objects = definitions.map(|(name, one)| (name.as_str(), one)).chain([("", schema)]);
    let mut found = Vec::new();
    for (of, object) in objects {
        for (name, property) in object["properties"].as_object().into_iter().flatten() {
            if property.get("description").is_none() {
                found.push(format!("{of}.{name}"));
            }
        }
    }
    found
}
