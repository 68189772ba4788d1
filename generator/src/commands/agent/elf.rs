//! Whether a file may be the agent of a target.

use stringless_core::name::Name;
use stringless_core::version::Version;

use super::MAX_AGENT;
use crate::error::{Error, Result};

/// Checks that the file is an ELF file for the CPU and the system of `target`, of this version: nodes will run it.
pub(super) fn check(origin: &str, target: &Name, version: &Version, bytes: &[u8]) -> Result<()> {
    let fault = |why: &str| {
        Error::refused(format!("reading `{origin}`: {why}"))
            .hint("TARGET/stringless-agent is the agent that was built for TARGET")
    };
    if bytes.len() as u64 > MAX_AGENT {
        return Err(fault("it is larger than an agent may be"));
    }
    if !bytes.starts_with(b"\x7fELF") || bytes.len() < 20 {
        return Err(fault("it is not an ELF executable"));
    }
    let machine = u16::from_le_bytes([bytes[18], bytes[19]]);
    let cpu = target.as_str().split('-').next().unwrap_or_default();
    if MACHINES.iter().any(|(name, expected)| *name == cpu && *expected != machine) {
        return Err(fault(&format!("it is built for another CPU than `{target}`")));
    }
    if is_freebsd(bytes) != target.as_str().ends_with("-freebsd") {
        return Err(fault(&format!("it is built for another system than `{target}`")));
    }
    match version_of(bytes) {
        Some(own) if own != version.to_string() => Err(Error::refused(format!(
            "reading `{origin}`: it is agent {own}, and the site pins {version}"
        ))
        .hint("`agent: {version: …}` in the site file names the version; `--from` takes another folder or release")),
        _ => Ok(()),
    }
}

/// The version that an agent calls itself, if the file has one as the agents of these sources have it.
fn version_of(bytes: &[u8]) -> Option<&str> {
    let at = bytes.windows(MARK.len()).position(|part| part == MARK)? + MARK.len();
    let end = bytes.iter().skip(at).take(20).position(|byte| *byte == b'\n')?;
    std::str::from_utf8(bytes.get(at..at + end)?).ok()
}

/// Whether a 64-bit little-endian ELF file is for FreeBSD, by its header or its loader. Other files count as Linux,
/// where static files name neither.
fn is_freebsd(bytes: &[u8]) -> bool {
    let number = |at: usize, length: usize| -> Option<usize> {
        let bytes = bytes.get(at..at.checked_add(length)?)?;
        let number = bytes.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        usize::try_from(number).ok()
    };
    let loader = || {
        let (headers, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
        let mut all = (0..count).filter_map(|n| headers.checked_add(n * size));
        let interpreter = all.find(|at| number(*at, 4) == Some(PT_INTERP))?;
        bytes.get(number(interpreter + 8, 8)?..)
    };
    bytes.get(7) == Some(&ELFOSABI_FREEBSD) || loader().is_some_and(|path| path.starts_with(FREEBSD_LOADER))
}

/// What stands before the version in an agent (`agent/src/version.rs`).
const MARK: &[u8] = b"version of this agent: ";
/// ELF machine numbers by the first word of a target.
const MACHINES: [(&str, u16); 3] = [("x86_64", 62), ("aarch64", 183), ("riscv64gc", 243)];
/// elf(5).
const ELFOSABI_FREEBSD: u8 = 9;
const PT_INTERP: usize = 3;
const FREEBSD_LOADER: &[u8] = b"/libexec/ld-elf.so.1\0";
