//! The text of an element in the XML with which services refuse. It is quoted, and nothing depends on it.

/// What stands in the first element of this name, which has no attributes. It is not decoded.
pub fn element<'t>(xml: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}
