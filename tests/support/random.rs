//! Names and keys that no other test has, and chance that can be had again.

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

/// Chance by a seed: the same numbers each time (`xorshift64*`).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The numbers of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number from 0 up to, but not including, `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end.max(1)
    }
}
