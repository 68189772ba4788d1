//! The store settings of a new site: from the flags, or from a cloud's object store.

use stringless_core::store::StoreSettings;
use stringless_render::platform::{ObjectStore, Platforms};

use crate::cli::InitArgs;
use crate::error::{Error, Result};
use crate::output::print;

/// The settings of the store.
///
/// # Errors
/// When the cloud is unknown or has no object store, or a part of its endpoint is missing.
pub(super) fn settings(args: &InitArgs) -> Result<StoreSettings> {
    let mut settings = StoreSettings {
        url: args.store.clone(),
        region: args.region.clone(),
        endpoint: args.endpoint.clone(),
        style: args.style,
    };
    let Some(name) = &args.cloud else { return Ok(settings) };
    let platforms = Platforms::embedded()?;
    let cloud = platforms.cloud(name).map_err(Error::usage_fault)?;
    let Some(store) = &cloud.object_store else {
        return Err(Error::usage(format!(
            "making the site: {} has no object store that this program knows",
            cloud.name
        ))
        .hint("`--endpoint URL`, `--region REGION` and `--style` describe another store"));
    };
    if !args.store.starts_with("s3://") {
        return Err(Error::usage(format!("making the site: `{}` is not in {}", args.store, store.name))
            .hint("`--store s3://bucket/prefix`"));
    }
    settings.region = Some(filled(&store.region, store, args)?);
    settings.endpoint = store.endpoint.as_deref().map(|text| filled(text, store, args)).transpose()?;
    settings.style = args.style.or(Some(store.style));
    if let Some(region) = args.region.as_ref().filter(|region| !store.regions.contains(region))
        && !store.regions.is_empty()
    {
        print::note(&format!(
            "warning: `{region}` is not a region that this version knows: {}",
            store.regions.join(", ")
        ));
    }
    Ok(settings)
}

/// `text` with the values for the names in its braces.
fn filled(text: &str, store: &ObjectStore, args: &InitArgs) -> Result<String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        filled.push_str(before);
        filled.push_str(value(name, store, args)?);
        rest = after;
    }
    Ok(filled + rest)
}

fn value<'a>(name: &str, store: &ObjectStore, args: &'a InitArgs) -> Result<&'a str> {
    let missing =
        || Error::usage(format!("making the site: the endpoint of {} needs a `{name}`", store.name));
    if name == "region" {
        let known =
            if store.regions.is_empty() { String::new() } else { format!(": {}", store.regions.join(", ")) };
        return args.region.as_deref().ok_or_else(|| missing().hint(format!("`--region REGION`{known}")));
    }
    let given = args.endpoint_part.iter().find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    given.ok_or_else(|| missing().hint(format!("`--endpoint-part {name}=VALUE`; see {}", store.docs)))
}
