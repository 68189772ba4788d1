//! What a node needs to read the levels of a hierarchy, beside the release. No IO.

use std::collections::BTreeMap;

use super::config::Config;

/// Something that a release does not bring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Which levels need what: a sentence.
    pub message: String,
    /// How a node gets it.
    pub hint: String,
}

/// The needs of all levels, one for each function.
pub fn needs(config: &Config) -> Vec<Need> {
    let mut functions: BTreeMap<&str, (Vec<String>, Vec<&str>)> = BTreeMap::new();
    for level in &config.levels {
        let function = level.function.trim_start_matches("::");
        if !BUILT_IN.contains(&function) {
            let (names, keys) = functions.entry(function).or_default();
            names.push(format!("`{}`", level.name));
            keys.extend(level.key_files.iter().map(String::as_str));
        }
    }
    functions.into_iter().map(|(function, (names, keys))| need(function, &names.join(", "), keys)).collect()
}

fn need(function: &str, levels: &str, mut keys: Vec<&str>) -> Need {
    keys.sort_unstable();
    keys.dedup();
    let files: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    let files = if files.is_empty() { "its private key".to_owned() } else { files.join(" and ") };
    if function == EYAML {
        return Need {
            message: format!("`hiera.yaml`: the level {levels} is decrypted on the node by hiera-eyaml"),
            hint: format!(
                "each node needs the gem `hiera-eyaml` (part of OpenVox; or a package of the distribution), and {files}: bring the key to the node, never in a release"
            ),
        };
    }
    Need {
        message: format!("`hiera.yaml`: the level {levels} is read by the function `{function}`"),
        hint: format!(
            "a module of the release must bring `{function}`; each node needs what it uses: gems, keys, a server that answers"
        ),
    }
}

const EYAML: &str = "eyaml_lookup_key";
/// The functions that Puppet has itself; empty: a level of version 4, whose backends it has, too.
const BUILT_IN: [&str; 4] = ["", "yaml_data", "json_data", "hocon_data"];

#[cfg(test)]
mod tests {
    use super::super::config::{Read, read};
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let Read::Good(config) = read(text.as_bytes(), false) else { panic!("{text}") };
        needs(&config).into_iter().map(|need| format!("{} / {}", need.message, need.hint)).collect()
    }

    #[test]
    fn puppets_own_backends_need_nothing() {
        for text in [
            "version: 5\n",
            "version: 5\ndefaults: {data_hash: json_data}\nhierarchy: [{name: a, path: x}]\n",
            "version: 5\nhierarchy: [{name: a, path: x, data_hash: hocon_data}]\n",
            "version: 4\nhierarchy: [{name: a, backend: yaml}]\n",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn eyaml_needs_its_gem_and_the_named_key() {
        let text = "version: 5\nhierarchy:\n  - {name: secrets, lookup_key: eyaml_lookup_key, path: a.eyaml, options: {pkcs7_private_key: /etc/k.pem, pkcs7_public_key: /etc/p.pem}}\n  - {name: more, lookup_key: eyaml_lookup_key, path: b.eyaml, options: {pkcs7_private_key: /etc/k.pem}}\n";
        let found = found(text);
        assert_eq!(found.len(), 1, "{found:?}");
        for part in ["`secrets`, `more`", "gem `hiera-eyaml`", "and `/etc/k.pem`:"] {
            assert!(found[0].contains(part), "{part}: {found:?}");
        }
        let defaults =
            "version: 5\ndefaults: {lookup_key: eyaml_lookup_key}\nhierarchy: [{name: a, path: x}]\n";
        assert!(self::found(defaults)[0].contains("and its private key"), "{defaults}");
    }

    #[test]
    fn a_foreign_function_needs_a_module() {
        let text = "version: 5\nhierarchy: [{name: vault, lookup_key: hiera_vault, uri: 'https://v.test'}]\n";
        let found = found(text);
        assert!(found[0].contains("a module of the release must bring `hiera_vault`"), "{found:?}");
    }
}
