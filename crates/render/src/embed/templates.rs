//! The tools whose file is one template.

use base64ct::{Base64, Encoding as _};
use stringless_core::fault::Fault;
use stringless_core::hash::Sha256;
use tera::Context;

use crate::embed::reference::{references, split};
use crate::encode::{encode, gzip};
use crate::encoding::arguments;
use crate::node_config::role_from;
use crate::platform::Encoding;
use crate::policy::group_prefix;
use crate::request::{Request, UserData};
use crate::site::CredentialKind;
use crate::templates::fill;
use crate::{quote, uses};

pub(crate) fn terraform(request: &Request<'_>, data: &UserData) -> Result<String, Fault> {
    let mut context = context(request);
    let missing = || Fault::new(format!("rendering for {} as terraform: no resource", request.cloud.name));
    let terraform = request.cloud.terraform.as_ref().ok_or_else(missing)?;
    let user_data = match request.encoding {
        Encoding::Plain => quote::hcl_template(&data.text, &references(request, data)?),
        _ => quote::hcl(&text_of(data)),
    };
    context.insert("user_data", &user_data);
    if let Some(group) = request.group {
        return fill(&format!("as/{}.tera", group.template), &context);
    }
    let argument = arguments(request.cloud, request.boot).and_then(|all| all.get(&request.encoding));
    context.insert("resource", &terraform.resource);
    let comment =
        terraform.comment.as_deref().unwrap_or("What else the machine needs: image, size, network.");
    let comment = comment.lines().map(|line| format!("# {line}"));
    let argument = argument.ok_or_else(missing)?;
    let set = |name: &&String| {
        argument.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name.as_str())
    };
    let replaces: Vec<&str> = terraform.replaces.iter().filter(set).map(String::as_str).collect();
    context.insert("replaces", &replaces.join(", "));
    let on = if role_from(request)?.is_some() { request.cloud.tags.as_ref() } else { None };
    let on = on.map_or("", |tags| &*tags.terraform);
    let argument = argument.lines().flat_map(|line| match line.split_once(TAGS) {
        Some((indent, _)) => on.lines().map(|line| format!("{indent}{line}")).collect(),
        None => vec![line.to_owned()],
    });
    context.insert("lines", &comment.chain(argument).collect::<Vec<_>>());
    fill("as/terraform.tera", &context)
}

pub(crate) fn cloudformation(request: &Request<'_>, data: &UserData) -> Result<String, Fault> {
    let mut context = context(request);
    let known = request.cloud.cloudformation.as_ref();
    let known = known.ok_or_else(|| Fault::new("rendering as cloudformation: no resource"))?;
    context.insert("resource", &known.resource);
    context.insert("property", &known.property);
    let references = references(request, data)?;
    // The key `UserData` is indented by so much.
    let indent = if request.group.is_some() { 8 } else { 6 };
    let user_data = match request.encoding {
        Encoding::Plain if references.is_empty() => {
            format!("\n{:indent$}  Fn::Base64: {}", "", quote::yaml_text(&data.text, indent + 4))
        }
        Encoding::Plain => {
            let (pad, parts) = (" ".repeat(indent + 2), joined(&data.text, &references, indent + 8));
            format!("\n{pad}Fn::Base64:\n{pad}  Fn::Join:\n{pad}    - \"\"\n{pad}    - {parts}")
        }
        _ => format!(" {}", text_of(data)),
    };
    context.insert("user_data", &user_data);
    let template = request.group.map_or("cloudformation", |group| &group.template);
    fill(&format!("as/{template}.tera"), &context)
}

/// The parts of `text` for `Fn::Join`, as the entries of a YAML list at `indent`. `Fn::Sub` would also take the
/// variables of the shell for its own, and its escape says nothing about a brace within braces.
fn joined(text: &str, references: &[String], indent: usize) -> String {
    let parts = split(text, references).into_iter().map(|(text, reference)| {
        let name = reference.trim_start_matches("${").trim_end_matches('}');
        let text = quote::yaml_text(text, indent + 2);
        let more = if name.is_empty() { String::new() } else { format!("\n{:indent$}- !Ref {name}", "") };
        format!("- {text}{more}")
    });
    parts.collect::<Vec<_>>().join(&format!("\n{:indent$}", ""))
}

pub(crate) fn curl(request: &Request<'_>, data: &UserData, url: Option<&str>) -> Result<String, Fault> {
    let mut context = context(request);
    if let Some(url) = url
        && !(url.starts_with("https://") && url.bytes().all(|b| b.is_ascii_graphic()))
    {
        return Err(Fault::new(format!("reading --url `{}`: expected `https://...`", url.escape_default()))
            .hint("the script may hold keys, so it must be fetched with TLS"));
    }
    context.insert("url", url.unwrap_or_default());
    context.insert("sha256", &Sha256::of(data.text.as_bytes()).to_string());
    context.insert("packed", &lines(&Base64::encode_string(&gzip(data.text.as_bytes()))));
    fill("as/curl.tera", &context)
}

/// Stands for the lines that let a machine read its tags.
const TAGS: &str = "{tags}";

/// The values that all templates use.
pub(crate) fn context(request: &Request<'_>) -> Context {
    let mut context = Context::new();
    context.insert("distro_name", &request.distro.name);
    context.insert("cloud_name", &request.cloud.name);
    let signal = !request.signals.is_empty();
    context.insert("cloud", &request.cloud.id);
    context.insert("role", &(signal || uses(request, CredentialKind::InstanceRole)));
    context.insert("signal", &signal);
    context.insert("encoded", &(request.encoding != Encoding::Plain));
    context.insert("prefix", &group_prefix(request.site));
    let tag = role_from(request).ok().flatten().map(|from| from.tag.to_string());
    context.insert("tag", &tag.unwrap_or_default());
    context
}

/// The encoded text, which is base64.
fn text_of(data: &UserData) -> String {
    String::from_utf8(encode(data.text.as_bytes(), data.encoding)).unwrap_or_default()
}

fn lines(text: &str) -> String {
    let lines = text.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line));
    lines.collect::<Vec<_>>().join("\n")
}
