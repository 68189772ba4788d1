use super::*;
use proptest::prelude::*;

fn holds(range: &str, version: &str) -> bool {
    parse(range).unwrap().contains(&Version::parse(version).unwrap())
}

#[test]
fn parses_the_ranges_of_real_modules() {
    let table: &[(&str, &[&str], &[&str])] = &[
        (">= 4.13.1 < 9.0.0", &["4.13.1", "8.9.9"], &["4.13.0", "9.0.0"]),
        (">=4.13.1 <9.0.0", &["4.13.1", "8.9.9"], &["4.13.0", "9.0.0"]),
        ("1.x", &["1.0.0", "1.99.0"], &["0.9.9", "2.0.0"]),
        ("1", &["1.0.0", "1.99.0"], &["0.9.9", "2.0.0"]),
        ("4.2.x", &["4.2.0", "4.2.9"], &["4.1.9", "4.3.0"]),
        ("1.2.3", &["1.2.3"], &["1.2.2", "1.2.4"]),
        ("= 1.2.3", &["1.2.3"], &["1.2.4"]),
        ("1.0.0 - 2.0.0", &["1.0.0", "2.0.0"], &["0.9.9", "2.0.1"]),
        ("~1.2", &["1.2.0", "1.2.9"], &["1.1.9", "1.3.0"]),
        ("~> 1.2.3", &["1.2.3", "1.2.9"], &["1.2.2", "1.3.0"]),
        ("~1", &["1.0.0", "1.9.0"], &["2.0.0"]),
        ("^1.2.3", &["1.2.3", "1.9.0"], &["1.2.2", "2.0.0"]),
        ("^0.2.3", &["0.2.3", "0.2.9"], &["0.3.0"]),
        ("> 1.2", &["1.3.0"], &["1.2.0", "1.2.9"]),
        ("> 1", &["2.0.0"], &["1.9.9"]),
        ("<= 1.2", &["1.2.9"], &["1.3.0"]),
        ("<= 1.2.0", &["1.2.0"], &["1.2.1"]),
        (">= 1.2", &["1.2.0"], &["1.1.9"]),
        ("< 2", &["1.9.9"], &["2.0.0"]),
        ("1.x || >= 2.5.0 < 3.0.0", &["1.5.0", "2.6.0"], &["2.0.0", "3.0.0"]),
        ("*", &["0.0.1", "99.0.0"], &[]),
        ("", &["0.0.1", "99.0.0"], &[]),
        (">=v1.2.0", &["1.2.0"], &["1.1.0"]),
        (">= 1.0.0 < 5.x", &["1.0.0", "4.9.9"], &["0.9.9", "5.0.0"]),
        (">= 2.0.0 < 1.0.0", &[], &["0.5.0", "1.5.0", "2.5.0"]),
    ];
    for (range, inside, outside) in table {
        for version in *inside {
            assert!(holds(range, version), "{range}: {version}");
        }
        for version in *outside {
            assert!(!holds(range, version), "{range}: {version}");
        }
    }
}

#[test]
fn refuses_invalid_ranges() {
    for text in
        ["latest", ">= v1.0.0", "1.2.3.4", ">> 1.0.0", ">= 1.0.0, < 2.0.0", "01.0.0", "1.-2", "=> 1.0.0"]
    {
        assert!(parse(text).is_err(), "{text}");
    }
}

/// Each line of the file is what Puppet's reader says: see `vectors.rb`.
#[test]
fn reads_ranges_as_puppet_does() {
    let mut lines = include_str!("vectors.txt").lines();
    let versions: Vec<&str> = lines.next().unwrap().split(' ').collect();
    let (mut valid, mut invalid) = (0, 0);
    for line in lines {
        let (text, theirs) = line.split_once('\t').unwrap();
        let text: String = serde_json::from_str(text).unwrap();
        let range = parse(&text);
        if theirs == "invalid" {
            assert!(range.is_err(), "{text:?}: Puppet refuses it");
            invalid += 1;
            continue;
        }
        let range = range.unwrap_or_else(|why| panic!("{text:?}: {why}"));
        let ours: String = versions
            .iter()
            .map(|version| if range.contains(&Version::parse(version).unwrap()) { '1' } else { '0' })
            .collect();
        assert_eq!(ours, theirs, "{text:?}");
        valid += 1;
    }
    assert!(valid > 300 && invalid > 100, "{valid} valid, {invalid} invalid");
}

proptest! {
    #[test]
    fn the_text_of_a_range_is_parsed_back(low in (0..9u64, 0..9u64, 0..9u64), span in 1..9u64, or: bool) {
        let (a, b, c) = low;
        let text = format!(">= {a}.{b}.{c} < {}.0.0", a + span);
        let text = if or { format!("{text} || {}.x", a + span + 1) } else { text };
        let range = parse(&text).unwrap();
        prop_assert_eq!(parse(&super::text(&range)).unwrap(), range);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[ 0-9x*.<>=~^|v-]{0,30}") {
        let _ = parse(&text);
    }
}
