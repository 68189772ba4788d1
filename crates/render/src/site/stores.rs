//! The setting `stores` of the site file: a list of maps. A URL alone is a map with this `url`.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use stringless_core::store::StoreSettings;

/// One store, as it is written.
pub(super) struct Written(StoreSettings);

struct WrittenVisitor;

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Written {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Store".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let settings = generator.subschema_for::<StoreSettings>();
        schemars::json_schema!({
            "anyOf": [settings, { "description": "The store's URL.", "type": "string" }],
        })
    }
}

/// Reads the list.
///
/// # Errors
/// As for each map alone.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<StoreSettings>, D::Error> {
    Ok(Vec::<Written>::deserialize(deserializer)?.into_iter().map(|Written(settings)| settings).collect())
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WrittenVisitor)
    }
}

impl<'de> Visitor<'de> for WrittenVisitor {
    type Value = Written;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`{url: URL}` or a URL")
    }

    fn visit_str<E: Error>(self, url: &str) -> Result<Written, E> {
        Ok(Written(StoreSettings { url: url.to_owned(), region: None, endpoint: None, style: None }))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Written, A::Error> {
        StoreSettings::deserialize(MapAccessDeserializer::new(map)).map(Written)
    }
}
