//! `stringless render`.

pub mod check;
mod deliver;
mod draft;
mod explain;
mod summary;

use std::collections::BTreeMap;
use std::env;
use std::path::Path;
use std::time::{Duration, SystemTime};

use schemars::JsonSchema;
use serde::Serialize;
use stringless_core::label::Labels;
use stringless_core::layout;
use stringless_core::manifest::AgentPin;
use stringless_core::name::Name;
use stringless_core::sigv4::Credentials;
use stringless_core::tag::TagKey;
use stringless_render::platform::{Cloud, Distro, Form, Platforms};
use stringless_render::request::{AgentPins, Delivery, Part, Request, Tool, delivery, group};
use stringless_render::site::FirstFetch;
use stringless_render::{STATIC_KEYS, encoding, node_config, render};

use self::deliver::Product;
use self::summary::summary;
use crate::cli::RenderArgs;
use crate::clock::time;
use crate::error::{Error, Result};
use crate::output::min_serial::published_serial;
use crate::output::{json, print};
use crate::site::SiteDir;
use crate::site::layers::layers;
use crate::site::stores::{ca_pem, open_store};
use crate::site::trust_chain;
use crate::store::Store;

/// The output of `render --json`.
#[derive(Serialize, JsonSchema)]
pub struct Report<'a> {
    /// The id of the distro.
    distro: &'a str,
    /// The id of the cloud.
    cloud: &'a str,
    /// The environment that the node follows.
    environment: &'a Name,
    /// The role of the node.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a Name>,
    /// The tag of the machine that holds the role.
    #[serde(skip_serializing_if = "Option::is_none")]
    role_from: Option<&'a TagKey>,
    /// The labels of the node.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    labels: &'a Labels,
    /// The form of the user-data.
    form: &'a str,
    /// How it is encoded.
    encoding: &'a str,
    /// The tool whose file embeds it, with `--as`.
    #[serde(skip_serializing_if = "Option::is_none")]
    r#as: Option<&'a str>,
    /// How far the pair was tested.
    tested: &'a str,
    /// Its size, as the cloud counts it.
    bytes: usize,
    /// The largest size that the cloud accepts; null if no limit is documented.
    max_bytes: Option<usize>,
    /// The place for it.
    paste_into: &'a str,
    /// Who can read it there.
    readable_by: &'a str,
    /// What is to be known before it is used.
    notes: &'a [String],
    /// The lowest serial that the node accepts.
    min_serial: u64,
    /// The user-data; as base64 when the encoding is `gzip`.
    user_data: &'a str,
    /// What each part of the script or document does.
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<&'a [Part]>,
}

/// Renders user-data.
///
/// # Errors
/// When a name is unknown, a pin is missing, the store does not answer, or the result is too large.
pub fn run(site: Option<&Path>, args: &RenderArgs) -> Result<u8> {
    if let Some(file) = &args.check {
        let mut site = SiteDir::open(site)?;
        site.add_puppet_pins(&Platforms::embedded()?)?;
        return check::run(&site, args, file);
    }
    let platforms = Platforms::embedded()?;
    let (distro, cloud) = pair(&platforms, args)?;
    if let Some(eol) = distro.ended(time()).filter(|_| !args.eol_ok) {
        return Err(ended(&platforms, distro, eol));
    }
    deliver::check(args)?;
    let with = deliver::attachments(args)?;
    let form = args.form.as_deref().map(parse_form).transpose()?;
    let form = form.or((!with.is_empty()).then_some(Form::Mime));
    let Delivery { boot, also, form } =
        delivery(&platforms, distro, cloud, form, args.boot_agent.as_deref())?;
    let encoding = encoding::encoding(args.tool, cloud, boot, form, args.encoding)?;
    let group = if args.group { Some(group(args.tool, cloud)?) } else { None };
    let signals = group.filter(|_| !args.no_signal).map_or(&[][..], |group| &group.signal);
    let mut site = SiteDir::open(site)?;
    site.add_puppet_pins(&platforms)?;
    let environment = site.environment(args.environment.as_ref())?;
    let labels = labels(args)?;
    let layers = layers(&site, &args.layer_before, &args.layer_after)?;
    let chain = site.trust()?;
    let pin = if args.draft { draft::pin(&site, distro)? } else { pin(&site)? };
    let min_serial = match args.min_serial {
        Some(serial) => serial,
        None if args.draft => 1,
        None => published_serial(&site, &environment, &chain)?,
    };
    let request = Request {
        distro,
        cloud,
        boot,
        also,
        form,
        encoding,
        with: &with,
        tool: args.tool,
        group,
        signals,
        cpu: args.cpu.as_deref(),
        site: &site.site,
        environment: &environment,
        role: args.role.as_ref(),
        labels: &labels,
        layers: &layers,
        trust: trust_chain::newest(&chain)?.trusted_keys(),
        min_serial: min_serial.max(1),
        agent: AgentPins { version: pin.version, targets: &pin.targets },
        presigned: if args.draft { draft::links(distro) } else { presigned(&site, distro, &pin)? },
        static_keys: if args.draft { Some(draft::keys()) } else { static_keys() },
        ca_pem: ca_pem(&site)?,
        lock: args.lock_metadata,
        now: time(),
        tool_version: if args.draft { draft::VERSION } else { env!("CARGO_PKG_VERSION") },
    };
    let mut data = render(&request)?;
    if args.draft {
        data.notes.insert(0, draft::NOTE.into());
    }
    let node = node_config(&request)?;
    let product = Product::of(args, &request, &data)?;
    let file = args.out.as_ref().and_then(|out| out.file_name()).map(|name| name.to_string_lossy());
    let explain = data.explain(&request, file.as_deref().unwrap_or("user-data"));
    let level = platforms.level(distro, cloud).as_str();
    product.deliver(args, &data, !args.explain && !args.json)?;
    if args.explain && !args.json {
        print::out(&explain::text(&data))?;
        return Ok(0);
    }
    if args.json {
        json::print(
            None,
            &Report {
                distro: &distro.id,
                cloud: &cloud.id,
                environment: &environment,
                role: node.role.as_ref(),
                role_from: node.role_from.as_ref().map(|from| &from.tag),
                labels: &node.labels,
                form: explain.form.as_str(),
                encoding: explain.encoding.as_str(),
                r#as: args.tool.map(Tool::as_str),
                tested: level,
                bytes: explain.bytes,
                max_bytes: explain.max_bytes,
                paste_into: &explain.paste_into,
                readable_by: &cloud.readable_by,
                notes: &explain.notes,
                min_serial,
                user_data: &product.text(&data),
                parts: args.explain.then_some(&data.parts),
            },
        )?;
        return Ok(0);
    }
    print::note(&summary(&request, &node, &explain, level, product.instance_id()));
    Ok(0)
}

/// The labels of the command line.
fn labels(args: &RenderArgs) -> Result<Labels> {
    let mut labels = BTreeMap::new();
    for (key, value) in &args.labels {
        if labels.insert(key.clone(), value.clone()).is_some() {
            return Err(Error::usage(format!("reading --label {key}={value}: `{key}` is given twice"))
                .hint("give each label once"));
        }
    }
    Labels::new(labels)
        .map_err(|why| Error::usage(format!("reading --label: {why}")).hint("`--label dc=fra1`"))
}

/// The distro and the cloud that are named.
fn pair<'a>(platforms: &'a Platforms, args: &RenderArgs) -> Result<(&'a Distro, &'a Cloud)> {
    let Some(name) = &args.distro else {
        return Err(
            Error::usage("rendering: DISTRO and CLOUD are missing").hint("`stringless list` names all")
        );
    };
    let distro = platforms.distro(name);
    let releases: Vec<&str> = platforms.releases(name).into_iter().map(|distro| &*distro.id).collect();
    if distro.is_err() && !releases.is_empty() {
        return Err(Error::usage(format!("rendering for `{name}`: the release is missing"))
            .hint(format!("one of {}", releases.join(", "))));
    }
    let distro = distro.map_err(Error::usage_fault)?;
    let Some(cloud) = &args.cloud else {
        let clouds =
            platforms.clouds.iter().filter(|cloud| platforms.boot_agent(distro, cloud, None).is_some());
        let clouds: Vec<&str> = clouds.map(|cloud| &*cloud.id).collect();
        return Err(Error::usage(format!("rendering for {}: CLOUD is missing", distro.name))
            .hint(format!("one of {}", clouds.join(", "))));
    };
    Ok((distro, platforms.cloud(cloud).map_err(Error::usage_fault)?))
}

fn ended(platforms: &Platforms, distro: &Distro, eol: &str) -> Error {
    let next = distro.successor.as_deref().and_then(|id| platforms.distro(id).ok());
    let next = next.map(|next| format!("render for its successor `{}`, or ", next.id)).unwrap_or_default();
    Error::configuration(format!("rendering for {}: its support ended on {eol}", distro.name))
        .hint(format!("{next}allow it with `--eol-ok`"))
}

fn pin(site: &SiteDir) -> Result<AgentPin> {
    let pin = site.lock()?.pin(site.agent_version());
    if pin.targets.is_empty() {
        return Err(Error::configuration(format!(
            "rendering: no agent {} was pushed for this site",
            pin.version
        ))
        .hint("`stringless agent push` uploads it and pins its hash"));
    }
    Ok(pin)
}

/// The presigned links to the agent, if the site uses them.
fn presigned(site: &SiteDir, distro: &Distro, pin: &AgentPin) -> Result<BTreeMap<Name, String>> {
    let mut links = BTreeMap::new();
    if site.site.first_fetch() != FirstFetch::Presigned {
        return Ok(links);
    }
    let Store::S3(store) = open_store(site)? else { return Ok(links) };
    // The real time, not `SOURCE_DATE_EPOCH`: the store compares it with its own clock.
    let at = SystemTime::now();
    for target in distro.targets.iter().filter(|target| pin.targets.contains_key(*target)) {
        links.insert(target.clone(), store.presign(&layout::agent(&pin.version, target), WEEK, at)?);
    }
    Ok(links)
}

fn static_keys() -> Option<Credentials> {
    let [id, secret, token] = STATIC_KEYS.map(|name| env::var(name).ok().filter(|value| !value.is_empty()));
    Some(Credentials { access_key_id: id?, secret_access_key: secret?, session_token: token })
}

fn parse_form(text: &str) -> Result<Form> {
    Form::ALL.into_iter().find(|form| form.as_str() == text).ok_or_else(|| {
        let names = Form::ALL.map(Form::as_str);
        Error::usage(format!("rendering: there is no form `{text}`"))
            .hint(format!("`--form` {}", names.join(" or ")))
    })
}

const WEEK: Duration = Duration::from_secs(7 * 86_400);
