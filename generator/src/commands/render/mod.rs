//! `stringless render`.

pub mod check;
mod deliver;
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
use stringless_render::STATIC_KEYS;
use stringless_render::choice::{self, Choice, Given, Rendered, Target};
use stringless_render::platform::{Distro, Platforms};
use stringless_render::request::{Part, Tool};
use stringless_render::site::FirstFetch;

use self::deliver::Product;
use self::summary::summary;
use crate::cli::RenderArgs;
use crate::clock::time;
use crate::error::Result;
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
    deliver::check(args)?;
    let (platforms, choice, now) = (Platforms::embedded()?, choice(args)?, time());
    let target = choice.target(&platforms, now)?;
    let mut site = SiteDir::open(site)?;
    site.add_puppet_pins(&platforms)?;
    let environment = site.environment(args.environment.as_ref())?;
    let layers = layers(&site, &args.layer_before, &args.layer_after)?;
    let chain = site.trust()?;
    let pin = choice.pin(&site.lock()?, &site.site, target.distro)?;
    let min_serial = match choice.known_serial() {
        Some(serial) => serial,
        None => published_serial(&site, &environment, &chain)?,
    };
    let given = Given {
        site: &site.site,
        environment: &environment,
        layers: &layers,
        trust: trust_chain::newest(&chain)?.trusted_keys(),
        pin: &pin,
        min_serial,
        links: if args.draft { BTreeMap::new() } else { presigned(&site, target.distro, &pin)? },
        keys: static_keys(),
        ca_pem: ca_pem(&site)?,
        now,
    };
    let Rendered { request, data, node } = choice.render(&target, &given)?;
    let Target { distro, cloud, .. } = target;
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

/// What the command line chooses.
fn choice(args: &RenderArgs) -> Result<Choice> {
    Ok(Choice {
        distro: args.distro.clone(),
        cloud: args.cloud.clone(),
        environment: args.environment.clone(),
        form: args.form.as_deref().map(choice::form).transpose()?,
        boot_agent: args.boot_agent.clone(),
        encoding: args.encoding,
        cpu: args.cpu.clone(),
        role: args.role.clone(),
        labels: choice::labels(&args.labels)?,
        with: deliver::attachments(args)?,
        tool: args.tool,
        group: args.group,
        no_signal: args.no_signal,
        min_serial: args.min_serial,
        lock: args.lock_metadata,
        eol_ok: args.eol_ok,
        draft: args.draft,
    })
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

const WEEK: Duration = Duration::from_secs(7 * 86_400);
