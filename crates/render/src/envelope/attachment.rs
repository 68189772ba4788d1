//! A file of the user that goes to the boot agent together with the script. No IO.

use serde_yaml::{Mapping, Value};

use crate::yaml::{TOO_DEEP, too_deep};
use stringless_core::fault::Fault;

/// A file that a MIME multipart holds besides the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Its name, without folders.
    pub(crate) name: String,
    /// Its MIME type, which selects cloud-init's handler.
    pub(crate) kind: &'static str,
    /// Its content.
    pub(crate) text: String,
    /// The keys of a cloud-config.
    pub(crate) keys: Vec<String>,
    /// Whether the file itself sets how cloud-init merges it with other files of its type.
    pub(crate) merges: bool,
}

impl Attachment {
    /// The file `name` with the content `bytes`. Its first line decides the type, as in cloud-init.
    ///
    /// # Errors
    /// When cloud-init would ignore the file, or only log a warning about it.
    pub fn new(name: &str, bytes: &[u8]) -> Result<Self, Fault> {
        let fault = |why: &str| {
            let fault = Fault::new(format!("reading the user-data file `{name}`: {why}"));
            fault
                .hint("cloud-init would skip the file and continue: correct the file, or remove its `--with`")
        };
        if bytes.starts_with(&[0x1f, 0x8b]) {
            return Err(fault("it is compressed")
                .hint("decompress it: `--encoding gzip` compresses the whole user-data"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| fault("it is not UTF-8 text"))?;
        if text.contains('\0') {
            return Err(fault("it holds a NUL byte, so it is not text"));
        }
        let lower = text.trim_start().get(..4096).unwrap_or(text.trim_start()).to_ascii_lowercase();
        if lower.starts_with("content-type:") || lower.starts_with("mime-version:") {
            return Err(fault("it is a MIME multipart itself")
                .hint("name each of its parts with a `--with` of its own"));
        }
        let kind = kind(text).map_err(|line| {
            fault(&format!("cloud-init does not know the first line `{line}`"))
                .hint(format!("it must begin with one of {}", list()))
        })?;
        let (mut merges, mut keys) = (false, Vec::new());
        if kind == CLOUD_CONFIG {
            let settings = mapping(text).map_err(|why| fault(&why))?;
            keys.extend(settings.keys().filter_map(Value::as_str).map(str::to_owned));
            merges = settings.contains_key("merge_how") || settings.contains_key("merge_type");
        }
        let short = name.rsplit('/').next().unwrap_or(name);
        Ok(Self { name: safe(short), kind, text: text.to_owned(), keys, merges })
    }
}

/// The type that cloud-init gives a text; the error is its first line.
fn kind(text: &str) -> Result<&'static str, String> {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let lower = first.to_ascii_lowercase();
    // The longest match: some are the beginning of others.
    let known = KINDS.iter().filter(|(start, _)| lower.starts_with(start));
    match known.max_by_key(|(start, _)| start.len()) {
        // cloud-init renders a template first; the next line decides the type of the result.
        Some((_, JINJA)) => match kind(rest) {
            Ok(JINJA) | Err(_) => Err(quoted(rest.lines().next().unwrap_or_default())),
            Ok(_) => Ok(JINJA),
        },
        Some((_, kind)) => Ok(kind),
        None => Err(quoted(first)),
    }
}

/// Parses a cloud-config, because cloud-init skips one that it cannot read, and continues.
fn mapping(text: &str) -> Result<Mapping, String> {
    if too_deep(text).is_some() {
        return Err(TOO_DEEP.into());
    }
    match serde_yaml::from_str(text) {
        Ok(Value::Mapping(settings)) => Ok(settings),
        Ok(Value::Null) => Err("it sets nothing".into()),
        Ok(_) => Err("its YAML is not a mapping of modules to settings".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// `name` as a file name for the node that needs no quotes in a header.
fn safe(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    name.chars().map(plain).take(64).collect()
}

fn quoted(line: &str) -> String {
    line.chars().take(60).flat_map(char::escape_default).collect()
}

fn list() -> String {
    let starts: Vec<String> = KINDS.iter().map(|(start, _)| format!("`{start}`")).collect();
    starts.join(", ")
}

/// The beginnings of texts, and the types that cloud-init gives them.
const KINDS: [(&str, &str); 8] = [
    ("#!", "text/x-shellscript"),
    ("#cloud-config", CLOUD_CONFIG),
    ("#cloud-config-archive", "text/cloud-config-archive"),
    ("#cloud-boothook", "text/cloud-boothook"),
    ("#include", "text/x-include-url"),
    ("#include-once", "text/x-include-once-url"),
    ("#part-handler", "text/part-handler"),
    ("## template: jinja", JINJA),
];
pub(crate) const CLOUD_CONFIG: &str = "text/cloud-config";
const JINJA: &str = "text/jinja2";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_decides_the_type() {
        for (text, kind) in [
            ("#!/bin/bash\n", "text/x-shellscript"),
            ("#cloud-config\na: 1\n", "text/cloud-config"),
            ("#Cloud-Config\na: 1\n", "text/cloud-config"),
            ("#cloud-config-archive\n- a\n", "text/cloud-config-archive"),
            ("#include\nhttps://h/a\n", "text/x-include-url"),
            ("#include-once\nhttps://h/a\n", "text/x-include-once-url"),
            ("## template: jinja\n#cloud-config\na: {{ v1.region }}\n", "text/jinja2"),
        ] {
            let found = Attachment::new("d/a b.yaml", text.as_bytes()).unwrap();
            assert_eq!((found.kind, &*found.name), (kind, "a-b.yaml"), "{text}");
        }
    }

    #[test]
    fn a_file_that_cloud_init_would_skip_is_refused() {
        for (bytes, why) in [
            (&b""[..], "does not know the first line ``"),
            (b"hello\n", "does not know the first line `hello`"),
            (b" #!/bin/sh\n", "does not know the first line ` #!/bin/sh`"),
            ("\u{feff}#!/bin/sh\n".as_bytes(), "does not know the first line"),
            (b"#upstart-job\n", "does not know"),
            (b"## template: jinja\n", "does not know the first line ``"),
            (b"## template: jinja\n## template: jinja\n#!/bin/sh\n", "does not know"),
            (b"## template: jinja\nhello\n", "does not know the first line `hello`"),
            (b"Content-Type: multipart/mixed; boundary=a\n", "is a MIME multipart itself"),
            (b"MIME-Version: 1.0\n", "is a MIME multipart itself"),
            (&[0x1f, 0x8b, 8, 0], "it is compressed"),
            (b"#!/bin/sh\n\xff\n", "not UTF-8"),
            (b"#!/bin/sh\n\0\n", "NUL"),
            (b"#cloud-config\n# a: 1\n", "sets nothing"),
            (b"#cloud-config\na: [\n", "line 3"),
            (b"#cloud-config\n- a\n", "not a mapping"),
            (b"#cloud-config\na: 1\na: 2\n", "duplicate"),
        ] {
            let fault = Attachment::new("f", bytes).unwrap_err();
            assert!(fault.message.contains(why), "{why}: {fault}");
        }
    }
}
