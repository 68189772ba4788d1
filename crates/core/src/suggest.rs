//! Finds the nearest valid key for a mistyped one, using serde's error message.

use alloc::vec::Vec;

/// The valid key that is most similar to the unknown key in `message`.
///
/// Reads serde's messages ``unknown field `x`, expected one of `a`, `b` `` and ``unknown variant …``. `None`
/// for other messages, and if no key is similar.
#[must_use]
pub fn nearest(message: &str) -> Option<&str> {
    let from = message.find("unknown field `").or_else(|| message.find("unknown variant `"))?;
    let mut quoted = message[from..].split('`').skip(1).step_by(2);
    // The time for a comparison grows with the length.
    let wrong = quoted.next().filter(|wrong| wrong.len() <= LONGEST)?;
    let (best, distance) =
        quoted.map(|key| (key, distance(wrong, key))).min_by_key(|&(_, distance)| distance)?;
    (distance <= best.len().max(wrong.len()) / 2).then_some(best)
}

/// The longest word that is compared, in bytes.
const LONGEST: usize = 100;

/// Levenshtein distance over bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replace = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_nearest_key() {
        let message = "unknown field `enviroment`, expected one of `site`, `environment`, `stores` at line 3";
        assert_eq!(nearest(message), Some("environment"));
        assert_eq!(nearest("unknown field `x`, expected `site`"), None);
        assert_eq!(nearest("invalid type: string"), None);
        let long = "x".repeat(LONGEST);
        assert!(nearest(&alloc::format!("unknown field `{long}`, expected `{long}y`")).is_some());
        assert!(nearest(&alloc::format!("unknown field `{long}y`, expected `{long}`")).is_none());
    }
}
