//! A choice and the files of a site → what the page shows.

use std::collections::{BTreeMap, BTreeSet};

use base64ct::{Base64, Encoding as _};
use serde::Serialize;
use stringless_core::fault::Fault;
use stringless_core::name::Name;
use stringless_core::time::Timestamp;
use stringless_render::STATIC_KEYS;
use stringless_render::choice::{Choice, Failure, Given, Rendered};
use stringless_render::platform::Platforms;
use stringless_render::request::Part;
use stringless_render::site::{FirstFetch, Site};
use stringless_render::trust_chain::newest;

use crate::Error;
use crate::example;
use crate::files::{Files, Listed};
use crate::options::{Chosen, Options};
use crate::question::Asked;

/// What the page shows.
#[derive(Default, Serialize)]
pub(crate) struct View {
    site: Option<Shown>,
    options: Options,
    chosen: Chosen,
    result: Option<Product>,
    /// The command that makes the same.
    command: Option<String>,
    error: Option<Error>,
    /// Whether the user-data holds a key of the store, or would have to; false for a draft; null if the choice or the
    /// files do not say.
    needs_keys: Option<bool>,
    /// The variables from which the command takes these keys.
    variables: Vec<&'static str>,
}

/// The site that is loaded.
#[derive(Serialize)]
struct Shown {
    name: Name,
    /// Whether it is the built-in example.
    example: bool,
    environments: BTreeSet<Name>,
    /// Whether the site has further environments, which are branches: the files do not name them.
    branches: bool,
    files: Vec<Listed>,
}

/// User-data, and all that is to be known about it.
#[derive(Serialize)]
struct Product {
    /// What `stringless render` prints; null if that is no text.
    text: Option<String>,
    /// The bytes.
    base64: String,
    file_name: &'static str,
    parts: Vec<Part>,
    /// The line of `text` in which the first line of the parts stands.
    body_line: Option<usize>,
    /// The script or document alone, if `text` does not show it.
    body: Option<String>,
    /// The size, as the cloud counts.
    bytes: usize,
    max_bytes: Option<usize>,
    counted: &'static str,
    tested: &'static str,
    tested_means: &'static str,
    paste_into: String,
    paste: String,
    elsewhere: Vec<String>,
    readable_by: String,
    notes: Vec<String>,
    min_serial: u64,
}

/// What the page shows for a question. What cannot be rendered has an `error`, and all that is known without it.
pub(crate) fn view(asked: &Asked) -> View {
    let mut view = View::default();
    if let Err(failure) = fill(&mut view, asked) {
        view.error = Some(failure.fault().into());
    }
    view
}

/// In the order in which `stringless render` refuses.
fn fill(view: &mut View, asked: &Asked) -> Result<(), Failure> {
    let (platforms, now) = (Platforms::embedded()?, Timestamp::from_seconds(asked.now));
    view.options = Options::new(&platforms, &asked.choice);
    let is_example = asked.files.is_empty();
    let files = if is_example { Files::read(&example::files()) } else { Files::read(&asked.files) };
    let parsed = asked.choice.parse();
    // What is shown of the site does not wait for the choice; what is refused of the choice comes first.
    let mut files = match files {
        Ok(mut files) => {
            view.site = Some(shown(&files.site, is_example, std::mem::take(&mut files.listed), asked));
            Ok(files)
        }
        Err(fault) => Err(fault),
    };
    let choice = Choice { draft: is_example || asked.choice.draft, ..parsed? };
    let target = choice.target(&platforms, now)?;
    view.chosen.add(&target, choice.cpu.as_deref());
    let files = files.as_mut().map_err(|fault| fault.clone())?;
    let lock = files.lock(&platforms)?;
    let environment = files.environment(choice.environment.as_ref())?;
    view.chosen.environment = Some(environment.clone());
    let layers = files.layers()?;
    let chain = files.trust()?;
    let pin = choice.pin(&lock, &files.site, target.distro)?;
    let serial = match choice.known_serial() {
        Some(serial) => Some(serial),
        None => asked.published(&environment).serial(&environment)?,
    };
    let layers_after = files.other_layers();
    view.command = Some(choice.command(files.other_name(), Some(serial.unwrap_or(1)), &layers_after));
    let given = Given {
        site: &files.site,
        environment: &environment,
        layers: &layers,
        trust: newest(&chain)?.trusted_keys(),
        pin: &pin,
        min_serial: serial.unwrap_or(1),
        links: BTreeMap::new(),
        keys: asked.choice.keys(),
        ca_pem: files.ca_pem()?,
        now,
    };
    // A draft holds none.
    let needs_keys = !choice.draft && choice.needs_keys(&target, &given);
    view.needs_keys = Some(needs_keys);
    if needs_keys {
        let [id, secret, token] = STATIC_KEYS;
        let has_token = given.keys.as_ref().is_some_and(|keys| keys.session_token.is_some());
        view.variables = [id, secret].into_iter().chain(has_token.then_some(token)).collect();
    }
    if files.site.first_fetch() == FirstFetch::Presigned && !choice.draft {
        return Err(Fault::new("rendering the first fetch: it needs links that a key of yours signs, and a page takes no such key")
            .hint("render with the command, or set `node.first_fetch` to `signed` or `public`")
            .into());
    }
    let mut rendered = choice.render(&target, &given)?;
    if serial.is_none() {
        rendered.data.notes.insert(0, UNASKED.into());
    }
    view.result = Some(product(&platforms, &rendered));
    Ok(())
}

fn shown(site: &Site, example: bool, files: Vec<Listed>, asked: &Asked) -> Shown {
    let branches = !site.sources.is_empty();
    // Branches that were published when the page was made.
    let published = asked.serials.iter().flat_map(BTreeMap::keys).filter(|_| branches);
    let environments: BTreeSet<Name> = site.environments.keys().chain(published).cloned().collect();
    Shown { name: site.site.clone(), example, environments, branches, files }
}

fn product(platforms: &Platforms, rendered: &Rendered<'_>) -> Product {
    let Rendered { request, data, .. } = rendered;
    let explain = data.explain(request, FILE);
    let level = platforms.level(request.distro, request.cloud);
    let bytes = data.encoded();
    let base64 = Base64::encode_string(&bytes);
    let text = String::from_utf8(bytes).ok();
    let body_line = text.as_deref().and_then(|text| place(text, &data.body));
    Product {
        body: body_line.is_none().then(|| data.body.clone()),
        text,
        base64,
        file_name: FILE,
        parts: data.parts.clone(),
        body_line,
        bytes: explain.bytes,
        max_bytes: explain.max_bytes,
        counted: explain.counted,
        tested: level.as_str(),
        tested_means: level.means(),
        paste_into: explain.paste_into,
        paste: explain.paste,
        elsewhere: explain.elsewhere,
        readable_by: request.cloud.readable_by.clone(),
        notes: explain.notes,
        min_serial: request.min_serial,
    }
}

/// The line of `text`, from 1, from which on the lines of `body` stand, however far they are moved to the right.
fn place(text: &str, body: &str) -> Option<usize> {
    let plain = |text: &str| text.lines().map(|line| line.trim_start().to_owned()).collect::<Vec<_>>();
    let (text, body) = (plain(text), plain(body));
    text.windows(body.len().max(1)).position(|lines| lines == body).map(|before| before + 1)
}

/// The name of the file, as `stringless render` calls it where nobody names one.
const FILE: &str = "user-data";
/// What is to be known where the store was not asked.
const UNASKED: &str = "the lowest serial is not given, and the page does not ask the store: nodes accept any release from \
                       serial 1 on; give the serial of the stable release, which `stringless history` shows";
