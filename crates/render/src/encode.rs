//! Encodings: which of them a cloud and a boot agent take, and how they are made. No IO.

use std::io::Write as _;

use base64ct::{Base64, Encoding as _};
use flate2::{Compression, GzBuilder};
use stringless_core::fault::Fault;

use crate::platform::{BootAgent, Cloud, Encoding};

/// The encodings in which user-data gets through `cloud` to `boot`, the default first.
#[must_use]
pub fn usable(cloud: &Cloud, boot: &BootAgent) -> Vec<Encoding> {
    let unpacked = |encoding: &Encoding| !encoding.packs() || boot.gzip;
    let decoded = |encoding: &Encoding| {
        let some = &cloud.base64_for;
        !encoding.is_base64() || some.is_empty() || some.iter().any(|id| id.as_str() == boot.id)
    };
    cloud.encodings.iter().copied().filter(unpacked).filter(decoded).collect()
}

/// The encoding to use: `wanted`, else the default.
///
/// # Errors
/// When user-data does not get through in that encoding.
pub fn encoding(cloud: &Cloud, boot: &BootAgent, wanted: Option<Encoding>) -> Result<Encoding, Fault> {
    let usable = usable(cloud, boot);
    let Some(wanted) = wanted else { return Ok(usable.first().copied().unwrap_or(Encoding::Plain)) };
    if usable.contains(&wanted) {
        return Ok(wanted);
    }
    let names: Vec<&str> = usable.iter().map(|encoding| encoding.as_str()).collect();
    let fault = Fault::new(format!(
        "rendering for {} and {}: it does not take the encoding `{}`",
        cloud.name,
        boot.name,
        wanted.as_str()
    ));
    Err(fault.hint(format!("encodings that it takes: {}", names.join(", "))))
}

/// `text` in that encoding: the same bytes each time.
#[must_use]
pub fn encode(text: &[u8], encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Plain => text.to_vec(),
        Encoding::Gzip => gzip(text),
        // No line end: one would keep those who guess from seeing base64 in it.
        Encoding::Base64 => base64(text),
        Encoding::GzipBase64 => base64(&gzip(text)),
    }
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    Base64::encode_string(bytes).into_bytes()
}

/// Without time and name of a file.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    // Memory takes all that is written to it.
    writer.write_all(bytes).and_then(|()| writer.finish()).unwrap_or_default()
}
