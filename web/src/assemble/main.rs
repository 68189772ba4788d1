//! usage: assemble-page FOLDER WASM OUT
//!
//! Puts the page together: style, scripts and the packed program in one file, because a page that is opened from a disk
//! can load no other. Writes OUT/index.html, and OUT/index.html.gz for `stringless web`.

use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64ct::{Base64, Encoding as _};
use flate2::{Compression, GzBuilder};
use lzma_rust2::{LzmaOptions, LzmaWriter};
use sha2::{Digest, Sha256};

fn main() -> ExitCode {
    let args: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let done = match args.as_slice() {
        [folder, wasm, out] => assemble(folder, wasm, out),
        _ => Err("assembling the page: usage: assemble-page FOLDER WASM OUT".into()),
    };
    match done {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns a line with the sizes.
fn assemble(folder: &Path, wasm: &Path, out: &Path) -> Result<String, Box<dyn Error>> {
    let style = read(&folder.join("style.css"))?;
    let script = scripts(folder)?;
    let policy = format!(
        "default-src 'none'; script-src '{}' 'wasm-unsafe-eval'; style-src '{}'; img-src data:; connect-src 'none'; \
         base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'",
        hash(&script),
        hash(&style)
    );
    let program = fs::read(wasm).map_err(|e| format!("reading `{}`: {e}", wasm.display()))?;
    let packed = lzma(&program)?;
    let values = [
        ("csp", policy.as_str()),
        ("style", &style),
        ("script", &script),
        ("wasm", &Base64::encode_string(&packed)),
        // `stringless web --with-site` puts a site here.
        ("site", "null"),
    ];
    let page = filled(&read(&folder.join("index.html"))?, &values)?;
    let gzipped = gzip(page.as_bytes())?;
    if gzipped.len() > MAX_BYTES {
        return Err(format!(
            "assembling the page: it has {} bytes packed, and {MAX_BYTES} are allowed; the program alone has {}",
            gzipped.len(),
            packed.len()
        )
        .into());
    }
    fs::create_dir_all(out).map_err(|e| format!("making `{}`: {e}", out.display()))?;
    for (name, bytes) in [("index.html", page.as_bytes()), ("index.html.gz", &gzipped)] {
        let path = out.join(name);
        // The generator is not compiled again for the same page.
        if fs::read(&path).ok().as_deref() != Some(bytes) {
            fs::write(&path, bytes).map_err(|e| format!("writing `{}`: {e}", path.display()))?;
        }
    }
    Ok(format!(
        "{}: {} bytes, packed {} (the program: {}, packed {})",
        out.join("index.html").display(),
        page.len(),
        gzipped.len(),
        program.len(),
        packed.len()
    ))
}

/// All scripts of the folder as one, which leaves no names behind.
fn scripts(folder: &Path) -> Result<String, Box<dyn Error>> {
    let entries = fs::read_dir(folder).map_err(|e| format!("reading `{}`: {e}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|end| end == "js"));
    files.sort();
    let mut script = String::from("(() => {\"use strict\";\n");
    for file in &files {
        script.push_str(&read(file)?);
    }
    script.push_str("})();");
    if script.to_ascii_lowercase().contains("</script") {
        return Err("assembling the page: a script holds `</script`, which ends it early".into());
    }
    Ok(script)
}

/// The template with each `{{name}}` replaced, in one pass: a value may hold braces.
fn filled(template: &str, values: &[(&str, &str)]) -> Result<String, Box<dyn Error>> {
    let mut page = String::new();
    let mut rest = template;
    let mut used = 0;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").ok_or("assembling the page: `{{` has no end")?;
        let value = values.iter().find(|(known, _)| *known == name);
        let (_, value) =
            value.ok_or_else(|| format!("assembling the page: nothing is known for `{{{{{name}}}}}`"))?;
        page.push_str(before);
        page.push_str(value);
        rest = after;
        used += 1;
    }
    if used != values.len() {
        return Err(
            format!("assembling the page: `index.html` has {used} places, not {}", values.len()).into()
        );
    }
    page.push_str(rest);
    Ok(page)
}

/// The source expression of a policy for an inline text.
fn hash(text: &str) -> String {
    format!("sha256-{}", Base64::encode_string(&Sha256::digest(text)))
}

/// In the form of a `.lzma` file, with the size in its head.
fn lzma(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut writer =
        LzmaWriter::new_use_header(Vec::new(), &LzmaOptions::with_preset(9), Some(bytes.len() as u64))?;
    writer.write_all(bytes)?;
    writer.finish()
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut writer = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    writer.write_all(bytes)?;
    writer.finish()
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("reading `{}`: {e}", path.display()))
}

/// The largest page, packed: it loads in a second over a slow line.
const MAX_BYTES: usize = 500_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_with_braces_stay_as_they_are() {
        assert_eq!(filled("a{{x}}b", &[("x", "{{y}}")]).unwrap(), "a{{y}}b");
        for (template, why) in
            [("{{y}}", "nothing is known"), ("{{x", "no end"), ("a", "0 places"), ("{{x}}{{x}}", "2 places")]
        {
            let refused = filled(template, &[("x", "1")]).unwrap_err().to_string();
            assert!(refused.contains(why), "{template}: {refused}");
        }
    }

    #[test]
    fn the_hash_is_that_of_the_specification() {
        // From CSP level 2, section 7.17.1.
        assert_eq!(hash("alert('Hello, world.');"), "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=");
    }

    #[test]
    fn packed_bytes_carry_their_size() {
        let packed = lzma(b"0123456789").unwrap();
        assert_eq!(packed[5..13], [10, 0, 0, 0, 0, 0, 0, 0]);
        let mut read = lzma_rust2::LzmaReader::new_mem_limit(&*packed, u32::MAX, None).unwrap();
        let mut unpacked = Vec::new();
        std::io::Read::read_to_end(&mut read, &mut unpacked).unwrap();
        assert_eq!(unpacked, b"0123456789");
    }
}
