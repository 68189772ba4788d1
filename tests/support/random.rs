//! Names and keys that no other test has.

use std::fs::File;
use std::io::Read;

/// `bytes` random bytes in hexadecimal.
///
/// # Panics
/// When the machine has none.
pub fn hex(bytes: usize) -> String {
    let mut raw = vec![0; bytes];
    File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut raw)).unwrap();
    raw.iter().map(|byte| format!("{byte:02x}")).collect()
}
