//! The place of a node in a rollout: who goes first.

use alloc::string::ToString;

use crate::hash::Hasher;
use crate::name::Name;

/// Places and shares are hundredths of a percent: 10,000 are all nodes.
pub const ALL: u16 = 10_000;

/// The place of `node`, from 0 to 9,999: a node belongs to a wave whose share is greater. Another salt gives
/// other places, so that not always the same nodes go first.
#[must_use]
pub fn place(site: &Name, environment: &Name, node: &str, salt: u64) -> u16 {
    let mut hasher = Hasher::default();
    let salt = salt.to_string();
    for (n, part) in [site.as_str(), environment.as_str(), node, &salt].into_iter().enumerate() {
        if n > 0 {
            hasher.update(b"\0");
        }
        hasher.update(part.as_bytes());
    }
    let [a, b, c, d, ..] = *hasher.finish().as_bytes();
    let scaled = u64::from(u32::from_be_bytes([a, b, c, d])) * u64::from(ALL);
    u16::try_from(scaled >> 32).unwrap_or(ALL - 1)
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    #[test]
    fn places_are_those_of_the_formula() {
        // python3 -c 'import hashlib; h = hashlib.sha256(b"example\0production\0i-1\x0043").digest();
        // print(int.from_bytes(h[:4], "big") * 10000 >> 32)'
        assert_eq!(place(&name("example"), &name("production"), "i-1", 43), 9639);
    }

    #[test]
    fn places_are_spread_evenly_and_change_with_the_salt() {
        let (site, environment) = (name("example"), name("production"));
        let mut tenths = [0u32; 10];
        let mut same = 0;
        for n in 0..10_000 {
            let node = format!("i-{n}");
            let (one, other) = (place(&site, &environment, &node, 43), place(&site, &environment, &node, 44));
            assert!(one < ALL && other < ALL);
            tenths[usize::from(one / 1000)] += 1;
            same += u32::from(one == other);
        }
        assert!(tenths.iter().all(|count| (850..1150).contains(count)), "{tenths:?}");
        assert!(same < 20, "{same}");
    }
}
