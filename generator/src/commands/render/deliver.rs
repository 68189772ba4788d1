//! Writes the rendering to standard output, a file or a folder.

use std::fs::{self, OpenOptions};
use std::io::{IsTerminal, Read, Write, stdout};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use base64ct::{Base64, Encoding as _};
use stringless_render::embed::{Seed, source};
use stringless_render::envelope::Attachment;
use stringless_render::request::{Request, Tool, UserData};

use super::print;
use crate::cli::RenderArgs;
use crate::error::{Error, Result};

/// The rendering, ready to be written.
pub(super) struct Product {
    /// The bytes for standard output or a file.
    bytes: Vec<u8>,
    /// The seed, which has several files.
    seed: Option<Seed>,
}

/// The files of `--with`.
pub(super) fn attachments(args: &RenderArgs) -> Result<Vec<Attachment>> {
    let read = |path: &PathBuf| {
        let mut bytes = Vec::new();
        let read = fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
        read.map_err(|e| Error::io("reading", path, e).hint("`--with FILE` names a file of your own"))?;
        if bytes.len() as u64 > LARGEST {
            return Err(Error::configuration(format!(
                "reading the user-data file `{}`: it is larger than any cloud accepts",
                path.display()
            ))
            .hint("put large files into the release"));
        }
        Ok(Attachment::new(&path.display().to_string(), &bytes)?)
    };
    args.with.iter().map(read).collect()
}

impl Product {
    /// Makes what `args` request.
    pub(super) fn of(args: &RenderArgs, request: &Request<'_>, data: &UserData) -> Result<Self> {
        if request.tool == Some(Tool::Seed) {
            let seed = Seed::new(data, args.instance_id.as_deref())?;
            return Ok(Self { bytes: Vec::new(), seed: Some(seed) });
        }
        let bytes = match request.tool {
            Some(tool) => source(request, data, tool, args.url.as_deref())?.into_bytes(),
            None => data.encoded(),
        };
        Ok(Self { bytes, seed: None })
    }

    /// Writes the rendering to `--out` if it is given, else to standard output if `print` is set.
    pub(super) fn deliver(&self, args: &RenderArgs, data: &UserData, print: bool) -> Result<()> {
        match (&self.seed, &args.out) {
            (Some(seed), Some(out)) => write_seed(seed, out),
            // The script goes to the file; the line that fetches it is printed.
            (None, Some(out)) if args.url.is_some() => {
                write_private(out, data.text.as_bytes())?;
                if print { print::bytes(&self.bytes) } else { Ok(()) }
            }
            (None, Some(out)) => write_private(out, &self.bytes),
            (None, None) if print && self.is_binary() && stdout().is_terminal() => {
                Err(Error::usage("writing to standard output: a terminal cannot show compressed bytes")
                    .hint("write them to a file with `--out FILE`, or use `--encoding gzip+base64`"))
            }
            (None, None) if print => print::bytes(&self.bytes),
            // `check` refused flags that need `--out`.
            (_, None) => Ok(()),
        }
    }

    /// The rendering as text for JSON: bytes that are not UTF-8 become base64.
    pub(super) fn text(&self, data: &UserData) -> String {
        if self.seed.is_some() {
            return data.text.clone();
        }
        match String::from_utf8(self.bytes.clone()) {
            Ok(text) => text,
            Err(_) => Base64::encode_string(&self.bytes),
        }
    }

    /// The instance id in `meta-data`, if there is one.
    pub(super) fn instance_id(&self) -> Option<&str> {
        self.seed.as_ref().map(|seed| seed.instance_id.as_str())
    }

    fn is_binary(&self) -> bool {
        self.bytes.starts_with(&[0x1f, 0x8b])
    }
}

/// Refuses flags that need another flag, before the store is read.
pub(super) fn check(args: &RenderArgs) -> Result<()> {
    let fault = |flag: &str, tool: Tool| {
        let tool = tool.as_str();
        Error::usage(format!("rendering: `{flag}` goes with `--as {tool}`"))
            .hint(format!("add `--as {tool}`"))
    };
    if args.url.is_some() && args.tool != Some(Tool::Curl) {
        return Err(fault("--url", Tool::Curl));
    }
    if args.instance_id.is_some() && args.tool != Some(Tool::Seed) {
        return Err(fault("--instance-id", Tool::Seed));
    }
    let lacks =
        |flag: &str, hint: &str| Error::usage(format!("rendering: `{flag}` writes a file")).hint(hint);
    match (&args.out, args.tool, &args.url) {
        (None, Some(Tool::Seed), _) => {
            Err(lacks("--as seed", "`--out FILE.iso` makes an image, `--out DIR` a folder"))
        }
        (None, _, Some(_)) => Err(lacks("--url", "add `--out FILE`: the URL has to serve it")),
        _ => Ok(()),
    }
}

fn write_seed(seed: &Seed, out: &Path) -> Result<()> {
    if out.extension().is_some_and(|end| end.eq_ignore_ascii_case("iso")) {
        return write_private(out, &seed.iso());
    }
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(out);
    made.map_err(|e| Error::io("making", out, e).hint("`--out DIR` names another place"))?;
    seed.files.iter().try_for_each(|(name, bytes)| write_private(&out.join(name), bytes))
}

/// Writes a file that only its owner can read, as user-data may hold keys. The old file stays until the new one is
/// complete. A pipe or a device is written directly.
fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
            return OpenOptions::new().write(true).open(path)?.write_all(bytes);
        }
        // A symbolic link stays; its target is replaced.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        // `tempfile` would name the temporary file in errors.
        file.as_file().write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(&path).map(drop).map_err(|e| e.error)
    };
    write().map_err(|e| Error::io("writing", path, e).hint("`--out FILE` names another place"))
}

/// More than any cloud accepts as user-data.
const LARGEST: u64 = 1 << 20;
