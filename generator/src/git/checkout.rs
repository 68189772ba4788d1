//! What git does to a file of a commit when it writes it into a work tree, by its built-in attributes: line ends, the
//! encoding, and `$Id$`. No program runs: other filters of a repository have no effect.

/// What a checkout changes in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conversion {
    /// The attributes `text`, `crlf` and `eol`.
    pub lines: Lines,
    /// The attribute `ident`.
    pub ident: bool,
    /// The attribute `working-tree-encoding`.
    pub encoding: Option<String>,
}

/// The line ends in the work tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lines {
    /// As in the commit.
    #[default]
    Kept,
    /// Each line ends with CR and LF.
    Crlf,
    /// The same, in files that git takes for text without any CR.
    CrlfIfText,
}

impl Conversion {
    /// Whether nothing is changed.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The conversion that these values of attributes mean; `unspecified`, `set` and `unset` as git prints them.
    #[must_use]
    pub fn from_attributes(text: &str, crlf: &str, eol: &str, ident: &str, encoding: &str) -> Self {
        // `crlf` is the old name of `text`.
        let text = if text == UNSPECIFIED { crlf } else { text };
        let lines = match (text, eol) {
            ("unset", _) => Lines::Kept,
            ("auto", "crlf") => Lines::CrlfIfText,
            (_, "crlf") => Lines::Crlf,
            _ => Lines::Kept,
        };
        let named = ![UNSPECIFIED, "set", "unset", ""].contains(&encoding);
        let same = ["utf-8", "utf8"].iter().any(|name| encoding.eq_ignore_ascii_case(name));
        Self { lines, ident: ident == "set", encoding: (named && !same).then(|| encoding.to_owned()) }
    }

    /// The bytes in the work tree of the blob with this id.
    ///
    /// # Errors
    /// For an encoding that is not known here: a sentence.
    pub fn apply(&self, content: Vec<u8>, id: &str) -> Result<Vec<u8>, String> {
        let content = if self.ident { with_id(&content, id) } else { content };
        let content = match self.lines {
            Lines::Crlf if content.contains(&b'\n') => with_crlf(&content),
            Lines::CrlfIfText if is_plain_text(&content) => with_crlf(&content),
            _ => content,
        };
        match &self.encoding {
            Some(encoding) => encode(content, encoding),
            None => Ok(content),
        }
    }
}

fn with_crlf(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + content.len() / 16);
    let mut before = 0;
    for &b in content {
        if b == b'\n' && before != b'\r' {
            out.push(b'\r');
        }
        out.push(b);
        before = b;
    }
    out
}

/// Whether `text=auto` counts a file as text whose line ends may change: git's own rule.
fn is_plain_text(content: &[u8]) -> bool {
    let (mut printable, mut odd) = (0_usize, 0_usize);
    for &b in content {
        match b {
            b'\r' | 0 => return false,
            b'\n' => {}
            0x08 | 0x09 | 0x0c | 0x1b => printable += 1,
            0x01..0x20 | 0x7f => odd += 1,
            _ => printable += 1,
        }
    }
    // The sign for the end of a file in DOS.
    if content.last() == Some(&0x1a) {
        odd -= 1;
    }
    content.contains(&b'\n') && printable >> 7 >= odd
}

/// `$Id$` and `$Id: …$` with the id of the blob. An id of another program, which contains spaces, stays.
fn with_id(content: &[u8], id: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len());
    let mut rest = content;
    while let Some(at) = find(rest, b"$Id") {
        let (before, after) = rest.split_at(at + 3);
        out.extend_from_slice(before);
        rest = after;
        let line = &rest[..rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len())];
        let end = match line.first() {
            Some(b'$') => Some(0),
            Some(b':') => line.iter().position(|&b| b == b'$').filter(|&end| {
                let inner = line.get(2..end).unwrap_or_default();
                inner.iter().position(|&b| b == b' ').is_none_or(|space| space + 1 >= inner.len())
            }),
            _ => None,
        };
        if let Some(end) = end {
            out.extend_from_slice(format!(": {id} $").as_bytes());
            rest = &rest[end + 1..];
        }
    }
    out.extend_from_slice(rest);
    out
}

fn find(content: &[u8], what: &[u8]) -> Option<usize> {
    content.windows(what.len()).position(|window| window == what)
}

/// UTF-8 in another encoding. git leaves a file as it is that is not UTF-8.
fn encode(content: Vec<u8>, encoding: &str) -> Result<Vec<u8>, String> {
    let Ok(text) = str::from_utf8(&content) else { return Ok(content) };
    let utf16 = |bom: bool, bytes: fn(u16) -> [u8; 2]| {
        let units = bom.then_some(0xfeff).into_iter().chain(text.encode_utf16());
        units.flat_map(bytes).collect()
    };
    let utf32 = |bom: bool, bytes: fn(u32) -> [u8; 4]| {
        let units = bom.then_some(0xfeff).into_iter().chain(text.chars().map(u32::from));
        units.flat_map(bytes).collect()
    };
    Ok(match encoding.to_ascii_uppercase().as_str() {
        // With a byte order mark, in the byte order of the machine: as glibc does on x86 and ARM.
        "UTF-16" | "UTF16" | "UTF-16LE-BOM" => utf16(true, u16::to_le_bytes),
        "UTF-16LE" | "UTF16LE" => utf16(false, u16::to_le_bytes),
        "UTF-16BE" | "UTF16BE" => utf16(false, u16::to_be_bytes),
        "UTF-32" | "UTF32" => utf32(true, u32::to_le_bytes),
        "UTF-32LE" | "UTF32LE" => utf32(false, u32::to_le_bytes),
        "UTF-32BE" | "UTF32BE" => utf32(false, u32::to_be_bytes),
        "ISO-8859-1" | "ISO8859-1" | "ISO_8859-1" | "LATIN1" => {
            match text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect() {
                Some(bytes) => bytes,
                None => return Ok(content),
            }
        }
        "US-ASCII" | "ASCII" => content,
        _ => return Err(format!("has the `working-tree-encoding` {encoding}, which is not supported")),
    })
}

/// git's word for an attribute that is not mentioned.
const UNSPECIFIED: &str = "unspecified";

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: Lines) -> Conversion {
        Conversion { lines, ..Conversion::default() }
    }

    #[test]
    fn attributes_are_combined_as_git_does() {
        let lines = |text, crlf, eol| {
            Conversion::from_attributes(text, crlf, eol, "unspecified", "unspecified").lines
        };
        let none = "unspecified";
        for (text, crlf, eol, expected) in [
            (none, none, none, Lines::Kept),
            ("set", none, none, Lines::Kept),
            ("auto", none, none, Lines::Kept),
            (none, none, "lf", Lines::Kept),
            (none, none, "crlf", Lines::Crlf),
            ("set", none, "crlf", Lines::Crlf),
            ("auto", none, "crlf", Lines::CrlfIfText),
            ("unset", none, "crlf", Lines::Kept),
            (none, "unset", "crlf", Lines::Kept),
            (none, "input", none, Lines::Kept),
            ("input", none, none, Lines::Kept),
            (none, "input", "crlf", Lines::Crlf),
            ("input", none, "crlf", Lines::Crlf),
        ] {
            assert_eq!(lines(text, crlf, eol), expected, "{text} {crlf} {eol}");
        }
        let encoding = |name| Conversion::from_attributes(none, none, none, none, name).encoding;
        assert_eq!((encoding("UTF-8"), encoding("UTF-16")), (None, Some("UTF-16".into())));
    }

    #[test]
    fn line_ends_change_only_in_text() {
        let apply = |lines, bytes: &[u8]| of(lines).apply(bytes.to_vec(), "").unwrap();
        assert_eq!(apply(Lines::Crlf, b"a\nb\r\nc"), b"a\r\nb\r\nc");
        assert_eq!(apply(Lines::CrlfIfText, b"a\nb\n"), b"a\r\nb\r\n");
        for kept in [&b"a\nb\r\n"[..], b"a\n\0", b"a\n\x01", b""] {
            assert_eq!(apply(Lines::CrlfIfText, kept), kept);
        }
    }

    #[test]
    fn the_id_is_filled_in() {
        let ident = Conversion { ident: true, ..Conversion::default() };
        let apply = |text: &str| String::from_utf8(ident.apply(text.into(), "abc").unwrap()).unwrap();
        assert_eq!(
            apply("x $Id$ $Id: old $\n$Id:\n$Id: a b $ $Idx$"),
            "x $Id: abc $ $Id: abc $\n$Id:\n$Id: a b $ $Idx$"
        );
    }

    #[test]
    fn an_unknown_encoding_is_refused() {
        let encode = |encoding: &str, text: &str| {
            Conversion { encoding: Some(encoding.into()), ..Conversion::default() }.apply(text.into(), "")
        };
        assert_eq!(encode("UTF-16", "aé").unwrap(), [0xff, 0xfe, 0x61, 0, 0xe9, 0]);
        assert_eq!(encode("utf-16be", "a").unwrap(), [0, 0x61]);
        assert_eq!(encode("ISO-8859-1", "é").unwrap(), [0xe9]);
        assert!(encode("SHIFT-JIS", "a").unwrap_err().contains("SHIFT-JIS"));
    }
}
