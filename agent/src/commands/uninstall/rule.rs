//! Takes back the firewall rule that restricts the metadata service: for this boot, too.

use std::path::Path;

use super::service::call;
use crate::disk::read_capped;
use crate::error::{Error, Result};

/// Takes back the rule of this file, which sets it with nft, or else with iptables.
///
/// # Errors
/// Temporary: the rule is still there.
pub fn take_back(file: &Path) -> Result<()> {
    let worked = |words: &[&str]| call(words).is_some_and(|output| output.status.success());
    let table = ["table", "inet", "stringless"];
    let nft = |verb: &'static str| worked(&[&["nft", verb], &table[..]].concat());
    if nft("list") && !nft("delete") {
        return Err(Error::temporary("taking back the rule for the metadata service with nft: it stays"));
    }
    let text = String::from_utf8(read_capped(file)?.unwrap_or_default()).unwrap_or_default();
    for (program, rule) in rules(&text) {
        let with = |verb: &'static str| [&[program, "-w", verb], &rule[..]].concat();
        // Each call takes back one rule; there may be several that are the same.
        let mut tries = 0;
        while worked(&with("-D")) && tries < 100 {
            tries += 1;
        }
        if worked(&with("-C")) {
            let message = format!("taking back the rule for the metadata service with {program}: it stays");
            return Err(Error::temporary(message));
        }
    }
    Ok(())
}

/// The programs and the arguments of the rules that the file adds with iptables.
fn rules(text: &str) -> Vec<(&str, Vec<&str>)> {
    let rule = text.lines().find_map(|line| line.strip_prefix("rule='")?.strip_suffix('\''));
    let Some(rule) = rule else { return Vec::new() };
    let added = text.lines().filter_map(|line| line.strip_prefix("add ")?.split_once(' '));
    added.map(|(program, addresses)| (program, rule.split(' ').chain([addresses]).collect())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_are_those_of_the_template() {
        let text = "rule='OUTPUT -p tcp --dport 80 -m owner ! --uid-owner 0 -j REJECT -d'\n\
                    add() { $1 -w -C $rule $2 2>/dev/null || $1 -w -I $rule $2 || exit; }\n\
                    add iptables 169.254.169.254,169.254.170.2\nadd ip6tables fd00:ec2::254\n";
        let rules = rules(text);
        assert_eq!(rules.len(), 2);
        assert_eq!(rules[0].0, "iptables");
        assert_eq!(
            rules[0].1.join(" "),
            "OUTPUT -p tcp --dport 80 -m owner ! --uid-owner 0 -j REJECT -d 169.254.169.254,169.254.170.2"
        );
        assert_eq!(rules[1].0, "ip6tables");
        assert!(super::rules("").is_empty() && super::rules("rule='x'\n").is_empty());
    }
}
