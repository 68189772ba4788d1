//! `stringless render --explain`.

use std::fmt::Write as _;

use stringless_render::request::UserData;

/// Each part of the user-data: what it does, then its numbered lines.
pub(super) fn text(data: &UserData) -> String {
    let lines: Vec<&str> = data.body.lines().collect();
    let wide = lines.len().to_string().len();
    let mut text = String::new();
    for part in &data.parts {
        let numbers = match part.lines {
            1 => format!("line {}", part.line),
            n => format!("lines {}-{}", part.line, part.line + n - 1),
        };
        for line in wrapped(&format!("{numbers}: {}", part.does)) {
            let _ = writeln!(text, "# {line}");
        }
        let shown = lines.iter().enumerate().skip(part.line - 1).take(part.lines);
        for (number, line) in shown {
            let _ = writeln!(text, "{}", format!("{:>wide$}  {line}", number + 1).trim_end());
        }
        text.push('\n');
    }
    text
}

/// `text` in lines of at most [`WIDTH`] characters, broken at blanks.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always a last line");
        if !line.is_empty() && line.len() + 1 + word.len() > WIDTH {
            lines.push(word.to_owned());
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines
}

const WIDTH: usize = 96;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_break_at_blanks() {
        let lines = wrapped(&"word ".repeat(50));
        assert!(lines.len() == 3 && lines.iter().all(|line| line.len() <= WIDTH), "{lines:?}");
    }
}
