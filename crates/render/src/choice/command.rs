//! The command line that makes the same user-data.

use super::Choice;
use crate::request::MetadataLock;

impl Choice {
    /// The command that renders this choice for the site in the current folder. `site_file` is the name of the site
    /// file, if the command does not find it by itself; `min_serial` is the serial that the command cannot read from
    /// the store itself; `layers_after` are files of layers that the site file does not name.
    #[must_use]
    pub fn command(
        &self,
        site_file: Option<&str>,
        min_serial: Option<u64>,
        layers_after: &[String],
    ) -> String {
        let mut words = vec!["stringless".to_owned(), "render".to_owned()];
        words.extend(self.distro.clone());
        words.extend(self.cloud.clone());
        let mut flag = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                words.extend([name.to_owned(), value]);
            }
        };
        flag("-f", site_file.map(str::to_owned));
        flag("--environment", self.environment.as_ref().map(ToString::to_string));
        flag("--role", self.role.as_ref().map(ToString::to_string));
        for (key, value) in self.labels.iter() {
            flag("--label", Some(format!("{key}={value}")));
        }
        flag("--form", self.form.map(|form| form.as_str().to_owned()));
        flag("--boot-agent", self.boot_agent.clone());
        flag("--encoding", self.encoding.map(|encoding| encoding.as_str().to_owned()));
        flag("--cpu", self.cpu.clone());
        flag("--min-serial", min_serial.filter(|_| !self.draft).map(|serial| serial.to_string()));
        for layer in layers_after {
            flag("--layer-after", Some(layer.clone()));
        }
        let alone = [
            (self.lock == Some(MetadataLock::Wanted), "--lock-metadata"),
            (self.lock == Some(MetadataLock::Required), "--lock-metadata=required"),
            (self.eol_ok, "--eol-ok"),
            (self.draft, "--draft"),
        ];
        words.extend(alone.into_iter().filter(|(set, _)| *set).map(|(_, word)| word.to_owned()));
        words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    }
}

/// `word` as a shell reads it as one word.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:+,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::labels;
    use crate::platform::{Encoding, Form};
    use stringless_core::name::Name;

    #[test]
    fn only_what_was_chosen_stands_in_the_command() {
        let pair = Choice { distro: Some("d-1".into()), cloud: Some("c".into()), ..Choice::default() };
        assert_eq!(pair.command(None, None, &[]), "stringless render d-1 c");
        let all = Choice {
            environment: Name::new("staging").ok(),
            form: Some(Form::CloudConfig),
            boot_agent: Some("b".into()),
            encoding: Some(Encoding::GzipBase64),
            cpu: Some("aarch64".into()),
            role: Name::new("web").ok(),
            labels: labels(&[(Name::new("dc").unwrap(), "it's here".into())]).unwrap(),
            lock: Some(MetadataLock::Required),
            eol_ok: true,
            ..pair.clone()
        };
        assert_eq!(
            all.command(Some("my site.yaml"), Some(7), &["base layer.json".into()]),
            "stringless render d-1 c -f 'my site.yaml' --environment staging --role web --label 'dc=it'\\''s here' --form cloud-config \
             --boot-agent b --encoding gzip+base64 --cpu aarch64 --min-serial 7 --layer-after 'base layer.json' \
             --lock-metadata=required --eol-ok"
        );
        // A draft never asks the store.
        let draft = Choice { draft: true, lock: Some(MetadataLock::Wanted), ..pair };
        assert_eq!(draft.command(None, Some(7), &[]), "stringless render d-1 c --lock-metadata --draft");
    }
}
