//! What `render` says beside the user-data, for the person who launches the machine.

use stringless_core::config::Config;
use stringless_render::envelope::summary::Explain;
use stringless_render::platform::Encoding;
use stringless_render::request::{Request, Tool};

use crate::output::format;

/// A table: where the user-data goes, its size, its role, how far the pair was tested.
pub fn summary(
    request: &Request<'_>,
    node: &Config,
    explain: &Explain,
    level: &str,
    instance_id: Option<&str>,
) -> String {
    let past = request.tool.is_some_and(Tool::goes_past_the_cloud);
    let limit = match explain.max_bytes.filter(|_| !past) {
        Some(max) => format!("{} of {max} bytes ({})", explain.bytes, explain.counted),
        None if past => format!("{} bytes", explain.bytes),
        None => format!("{} bytes, no limit stated", explain.bytes),
    };
    let (distro, cloud) = (&request.distro.name, &request.cloud.name);
    let mut form = explain.form.as_str().to_owned();
    if explain.encoding != Encoding::Plain {
        form = format!("{form}, {}", explain.encoding.as_str());
    }
    let mut rows = vec![["for".to_owned(), format!("{distro} on {cloud}, as {form}")]];
    match request.tool {
        Some(tool) => rows.push(["made for".into(), tool.as_str().into()]),
        None => {
            rows.push(["paste into".into(), explain.paste_into.clone()]);
            rows.extend(explain.paste.lines().map(|line| ["paste".into(), line.to_owned()]));
            rows.extend(explain.elsewhere.iter().map(|place| ["or into".into(), place.clone()]));
        }
    }
    rows.extend(instance_id.map(|id| ["instance-id".into(), id.to_owned()]));
    let from = node.role_from.as_ref().map(|from| format!("what the tag `{}` of the machine says", from.tag));
    rows.extend(node.role.as_ref().map(ToString::to_string).or(from).map(|role| ["role".into(), role]));
    rows.extend(node.labels.iter().map(|(key, value)| ["label".to_owned(), format!("{key}={value}")]));
    rows.push(["size".into(), limit]);
    rows.push(["tested".into(), level.to_owned()]);
    rows.push(["readable by".into(), request.cloud.readable_by.clone()]);
    rows.extend(explain.notes.iter().map(|note| ["note".to_owned(), note.clone()]));
    let rows: Vec<Vec<String>> = rows.into_iter().map(|row| row.to_vec()).collect();
    format::table(&rows).trim_end().to_owned()
}
