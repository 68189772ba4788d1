//! Encodings: which of them a cloud and a boot agent accept, and the encoding itself. No IO.

use std::io::Write as _;

use base64ct::{Base64, Encoding as _};
use flate2::{Compression, GzBuilder};
use stringless_core::fault::Fault;

use crate::platform::{BootAgent, Cloud, Encoding};

/// The encodings in which user-data reaches `boot` on `cloud`, the default first.
#[must_use]
pub fn usable(cloud: &Cloud, boot: &BootAgent) -> Vec<Encoding> {
    let unpacked = |encoding: &Encoding| !encoding.packs() || boot.gzip;
    let decoded = |encoding: &Encoding| {
        let some = &cloud.base64_for;
        !encoding.is_base64() || some.is_empty() || some.iter().any(|id| id.as_str() == boot.id)
    };
    cloud.encodings.iter().copied().filter(unpacked).filter(decoded).collect()
}

/// The encoding to use: `wanted`, or the default.
///
/// # Errors
/// When user-data in this encoding does not reach the boot agent.
pub fn encoding(cloud: &Cloud, boot: &BootAgent, wanted: Option<Encoding>) -> Result<Encoding, Fault> {
    let usable = usable(cloud, boot);
    let Some(wanted) = wanted else { return Ok(usable.first().copied().unwrap_or(Encoding::Plain)) };
    if usable.contains(&wanted) {
        return Ok(wanted);
    }
    let names: Vec<&str> = usable.iter().map(|encoding| encoding.as_str()).collect();
    let fault = Fault::new(format!(
        "rendering for {} and {}: the encoding `{}` is not possible",
        cloud.name,
        boot.name,
        wanted.as_str()
    ));
    Err(fault.hint(format!("possible encodings: {}", names.join(", "))))
}

/// `text` in this encoding: the same bytes each time.
#[must_use]
pub fn encode(text: &[u8], encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Plain => text.to_vec(),
        Encoding::Gzip => gzip(text),
        // No line end: programs that guess the encoding would not recognise base64 with one.
        Encoding::Base64 => base64(text),
        Encoding::GzipBase64 => base64(&gzip(text)),
    }
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    Base64::encode_string(bytes).into_bytes()
}

/// Compresses `bytes`, without a time or a file name in the header.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    // Writing to memory cannot fail.
    writer.write_all(bytes).and_then(|()| writer.finish()).unwrap_or_default()
}
