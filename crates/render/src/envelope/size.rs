//! The size of user-data, counted as the cloud counts. No IO.

use stringless_core::fault::Fault;

use crate::embed::reference;
use crate::encode::encode;
use crate::encoding;
use crate::platform::{Cloud, Counts, Encoding, Form};
use crate::request::Request;

/// The size of `text` in `encoding`, as `cloud` counts.
pub(crate) fn counted(cloud: &Cloud, text: &str, encoding: Encoding) -> usize {
    let packed = encode(text.as_bytes(), if encoding.packs() { Encoding::Gzip } else { Encoding::Plain });
    match cloud.counts {
        Counts::Raw => packed.len(),
        Counts::Base64 => base64_len(packed.len()),
        Counts::Text if encoding.is_base64() => base64_len(packed.len()),
        Counts::Text => packed.len(),
    }
}

/// Refuses user-data that is larger than the cloud accepts. The hint names what can be removed.
pub(crate) fn check(request: &Request<'_>, script: &str, text: &str) -> Result<(), Fault> {
    let (cloud, encoding) = (request.cloud, request.encoding);
    let size = counted(cloud, text, encoding) + reference::room(request);
    let through = request.tool.is_none_or(|tool| !tool.goes_past_the_cloud());
    let Some(max) = cloud.max_bytes.filter(|max| through && size > *max) else { return Ok(()) };
    let mut drops = Vec::new();
    let taken =
        |wanted| encoding::encoding(request.tool, cloud, request.boot, request.form, Some(wanted)).is_ok();
    let packing = Encoding::ALL.into_iter().filter(|one| one.packs() && !encoding.packs() && taken(*one));
    let sizes = packing.map(|encoding| (encoding, counted(cloud, text, encoding)));
    // If two encodings count the same, base64: text fits into more places than bytes.
    let least = sizes.filter(|(_, size)| *size <= max).min_by_key(|(one, size)| (*size, !one.is_base64()));
    if let Some((packing, packed)) = least {
        let place = match request.tool {
            None => format!(", which goes into: {}", cloud.place(&request.boot.id, packing)),
            Some(_) => String::new(),
        };
        drops.push(format!("`--encoding {}` ({packed} bytes{place})", packing.as_str()));
    }
    for attachment in request.with {
        drops.push(format!("a shorter `{}` ({} bytes)", attachment.name, attachment.text.len()));
    }
    if request.form == Form::CloudConfig && request.boot.forms.contains(&Form::Script) {
        drops.push(format!("the form `script` ({} bytes less)", text.len() - script.len()));
    }
    if let Some(pem) = &request.ca_pem {
        drops.push(format!("fewer certificates in `node.ca_file` ({} bytes)", pem.len()));
    }
    if request.site.stores.len() > 1 {
        drops.push(format!("fewer than {} `stores`", request.site.stores.len()));
    }
    if !request.presigned.is_empty() {
        drops.push("`node.first_fetch: public`, because signed links are long".into());
    }
    if request.trust.keys.len() > 1 {
        drops.push(format!("fewer than {} trusted keys", request.trust.keys.len()));
    }
    let fault = Fault::new(format!(
        "rendering for {}: the user-data has {size} bytes, and the cloud accepts {max} ({})",
        cloud.name,
        cloud.counts.as_str()
    ));
    Err(if drops.is_empty() { fault } else { fault.hint(format!("use {}", drops.join(", or "))) })
}

const fn base64_len(raw: usize) -> usize {
    raw.div_ceil(3) * 4
}
