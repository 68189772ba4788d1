//! The form MIME multipart: the script, and the user's other files for cloud-init. No IO.

use std::fmt::Write as _;

use base64ct::{Base64, Encoding as _};
use stringless_core::hash::Sha256;

use super::attachment::{Attachment, CLOUD_CONFIG};
use crate::platform::Form;

/// `attachments`, then `script`. cloud-init runs the files of a folder in the order of their names: the name
/// of the script sorts after the attachments, and after the file that a `runcmd` in them becomes.
pub(crate) fn multipart(script: &str, attachments: &[Attachment]) -> String {
    let theirs = attachments.iter().enumerate().map(|(n, attachment)| {
        let merge = if attachment.kind == CLOUD_CONFIG && !attachment.merges { MERGE } else { "" };
        part(&format!("{:02}-{}", n + 1, attachment.name), attachment.kind, merge, &attachment.text)
    });
    let ours = part("stringless-bootstrap", content_type(Form::Script), "", script);
    let parts: Vec<String> = theirs.chain([ours]).collect();
    let boundary = boundary(&parts);
    let mut text = format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"\nMIME-Version: 1.0\n\n");
    for part in &parts {
        let _ = write!(text, "--{boundary}\n{part}\n");
    }
    let _ = writeln!(text, "--{boundary}--");
    text
}

/// The MIME type of a form, for tools that require one.
pub(crate) fn content_type(form: Form) -> &'static str {
    match form {
        Form::Script => "text/x-shellscript",
        Form::CloudConfig | Form::Bootcmd => CLOUD_CONFIG,
        Form::Mime => "multipart/mixed",
        Form::Ignition => "application/vnd.coreos.ignition+json",
        Form::Nix => "text/plain",
    }
}

fn part(name: &str, kind: &str, more: &str, text: &str) -> String {
    let plain = text.lines().all(|line| line.len() <= LINE && line.bytes().all(printable))
        && text.ends_with('\n')
        && !text.contains('\r');
    let (charset, encoding, body) =
        if plain { ("us-ascii", "7bit", text.to_owned()) } else { ("utf-8", "base64", base64(text)) };
    format!(
        "Content-Type: {kind}; charset=\"{charset}\"\nContent-Transfer-Encoding: {encoding}\n\
         Content-Disposition: attachment; filename=\"{name}\"\n{more}\n{body}"
    )
}

/// Base64 in lines of 76 characters (RFC 2045).
fn base64(text: &str) -> String {
    let whole = Base64::encode_string(text.as_bytes());
    let mut lines = String::with_capacity(whole.len() + whole.len() / 70 + 1);
    let mut rest = &*whole;
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(76));
        lines.push_str(line);
        lines.push('\n');
        rest = after;
    }
    lines
}

/// A boundary that occurs in no part: the same one whatever the parts are, unless one of them holds it. So two
/// renderings differ only in what differs in their parts.
fn boundary(parts: &[String]) -> String {
    let mut hash = Sha256::of(b"boundary").to_string();
    loop {
        let boundary = format!("stringless-{}", &hash[..16]);
        if !parts.iter().any(|part| part.contains(&boundary)) {
            return boundary;
        }
        hash = Sha256::of(hash.as_bytes()).to_string();
    }
}

fn printable(b: u8) -> bool {
    b == b'\t' || (b' '..=b'~').contains(&b)
}

/// cloud-init joins the lists of several cloud-configs. If two set one value, the earlier file wins.
const MERGE: &str = "Merge-Type: list(append)+dict(no_replace,recurse_list)+str()\n";
/// The longest line that RFC 5322 allows.
const LINE: usize = 998;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boundary_is_in_no_part_and_repeatable() {
        let first = boundary(&["a\n".to_owned()]);
        assert_eq!(first, boundary(&["b\n".to_owned()]));
        // A part that holds the boundary that would be the first choice.
        let knows = [format!("--{first}\n")];
        let other = boundary(&knows);
        assert!(!knows[0].contains(&other) && boundary(&knows) == other, "{other}");
    }

    #[test]
    fn parts_that_do_not_fit_the_rules_of_mail_are_base64() {
        let long = format!("#!/bin/sh\n# {}\n", "x".repeat(LINE));
        for text in ["#!/bin/sh\n# \u{e9}\n", "#!/bin/sh\r\n", "#!/bin/sh", &long, "#!/bin/sh\n\u{7f}\n"] {
            let made = part("n", "text/x-shellscript", "", text);
            assert!(made.contains("-Encoding: base64\n"), "{text:?}");
            let body = made.split_once("\n\n").unwrap().1.replace('\n', "");
            assert_eq!(Base64::decode_vec(&body).unwrap(), text.as_bytes());
        }
        assert!(part("n", "text/x-shellscript", "", "#!/bin/sh\n\ta\n").ends_with("\n\n#!/bin/sh\n\ta\n"));
    }
}
