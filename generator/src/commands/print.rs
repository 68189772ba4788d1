//! What commands print: to standard output, where a closed pipe is no error.

use std::env;
use std::io::{ErrorKind, IsTerminal, Write, stderr, stdout};
use std::path::Path;

use serde::Serialize;

use crate::error::{Error, Result};

/// The version of what `--json` prints; the `format` of each object.
pub const JSON_FORMAT: u32 = 1;

/// Prints `text` to standard output.
///
/// # Errors
/// When it cannot be written.
pub fn out(text: &str) -> Result<()> {
    bytes(text.as_bytes())
}

/// Prints bytes to standard output.
///
/// # Errors
/// When they cannot be written.
pub fn bytes(bytes: &[u8]) -> Result<()> {
    let mut stdout = stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            Err(Error::io("writing", Path::new("standard output"), e))
        }
        _ => Ok(()),
    }
}

/// Prints a value as indented JSON.
///
/// # Errors
/// When it cannot be written.
pub fn json<T: Serialize>(value: &T) -> Result<()> {
    let text =
        serde_json::to_string_pretty(value).map_err(|e| Error::temporary(format!("writing JSON: {e}")))?;
    out(&format!("{text}\n"))
}

/// Whether standard output is a terminal on which colours are wanted.
#[must_use]
pub fn coloured() -> bool {
    stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Says something beside the result, to standard error.
pub fn note(text: &str) {
    stderr().lock().write_all(format!("{text}\n").as_bytes()).ok();
}

/// Bytes as people read them.
#[must_use]
pub fn size(bytes: u64) -> String {
    if bytes < 10_000 { format!("{bytes} bytes") } else { indicatif::HumanBytes(bytes).to_string() }
}

/// `1 pack`, `2 packs`.
#[must_use]
pub fn packs(number: u64) -> String {
    if number == 1 { "1 pack".to_owned() } else { format!("{number} packs") }
}

/// Rows in columns, two blanks between them, no blanks at the end of a line.
#[must_use]
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let wide = |n: usize| {
        rows.iter().filter_map(|row| row.get(n)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(wide).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}
