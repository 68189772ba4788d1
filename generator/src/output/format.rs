//! Numbers, sizes and tables as people read them.

pub use stringless_core::count::count;

/// A number of bytes as people read it.
#[must_use]
pub fn size(bytes: u64) -> String {
    if bytes < 10_000 { format!("{bytes} bytes") } else { indicatif::HumanBytes(bytes).to_string() }
}

/// Rows as aligned columns, separated by two blanks, without blanks at the end of a line.
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
