//! Text → tokens: the few tokens of Ruby that a Puppetfile needs. Other tokens of Ruby are recognised too, so that
//! their fault has the right position.

use super::escape::escape;
use super::problem::{Problem, position};

/// A token, and its position in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) at: usize,
    pub(crate) end: usize,
    /// Whether there is a space before it.
    pub(crate) spaced: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `mod`, `true`, `Foo`.
    Word(String),
    /// `git:`
    Label(String),
    /// `:git`
    Symbol(String),
    /// `'text'`, in any quotes.
    Text(String),
    /// `=>`
    Arrow,
    Comma,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `{`
    BraceOpen,
    /// `}`
    BraceClose,
    /// The end of a line, or `;`.
    Line,
    Number(String),
    /// Any other token of Ruby, as written.
    Other(String),
    End,
}

#[derive(Clone)]
pub(crate) struct Tokens<'a> {
    text: &'a str,
    at: usize,
    ahead: Option<Token>,
    /// The position after the last consumed token that is not a line end; 0: there is none.
    pub(crate) last: usize,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { text, at, ahead: None, last: 0 }
    }

    /// Consumes the next token; at the end always `End`.
    pub(crate) fn next(&mut self) -> Result<Token, Problem> {
        let token = match self.ahead.take() {
            Some(token) => token,
            None => self.read()?,
        };
        if !matches!(token.kind, Kind::Line | Kind::End) {
            self.last = token.end;
        }
        Ok(token)
    }

    /// The next token, without consuming it.
    pub(crate) fn peek(&mut self) -> Result<&Token, Problem> {
        let token = match self.ahead.take() {
            Some(token) => token,
            None => self.read()?,
        };
        Ok(self.ahead.insert(token))
    }

    /// The number of the line at a position, from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        position(self.text, at).0
    }

    /// Skips line ends, where a statement continues on the next line.
    pub(crate) fn skip_lines(&mut self) -> Result<(), Problem> {
        while self.peek()?.kind == Kind::Line {
            self.next()?;
        }
        Ok(())
    }

    fn read(&mut self) -> Result<Token, Problem> {
        let before = self.at;
        self.skip_blanks()?;
        let (at, spaced) = (self.at, self.at > before);
        let rest = &self.text[at..];
        let Some(first) = rest.chars().next() else {
            return Ok(Token { kind: Kind::End, at, end: at, spaced });
        };
        let kind = match first {
            NOT_UTF8 => return Err(not_utf8(at)),
            '\n' | ';' => self.one(Kind::Line),
            ',' => self.one(Kind::Comma),
            '(' => self.one(Kind::Open),
            ')' => self.one(Kind::Close),
            '{' => self.one(Kind::BraceOpen),
            '}' => self.one(Kind::BraceClose),
            '=' if rest.starts_with("=>") => {
                self.at += 2;
                Kind::Arrow
            }
            '\'' | '"' => {
                self.at += 1;
                let text = self.quoted(at, None, first, first == '"')?;
                if self.label_follows() { self.one(Kind::Label(text)) } else { Kind::Text(text) }
            }
            '%' => self.percent(at)?,
            ':' => self.symbol(at)?,
            _ if first.is_ascii_alphabetic() || first == '_' => self.word(),
            _ if first.is_ascii_digit() => Kind::Number(self.run(|c| c.is_ascii_alphanumeric() || c == '.')),
            _ => Kind::Other(self.other(rest)),
        };
        Ok(Token { kind, at, end: self.at, spaced })
    }

    fn one(&mut self, kind: Kind) -> Kind {
        self.at += 1;
        kind
    }

    /// Skips spaces, comments, joined lines, and the text after `__END__`.
    fn skip_blanks(&mut self) -> Result<(), Problem> {
        loop {
            let rest = &self.text[self.at..];
            let line_begins =
                self.text[..self.at].chars().next_back().is_none_or(|c| "\n\u{feff}".contains(c));
            if line_begins && directive(rest, "__END__") && rest.lines().next() == Some("__END__") {
                self.at = self.text.len();
            } else if line_begins && directive(rest, "=begin") {
                self.skip_block()?;
            } else if rest.starts_with([' ', '\t', '\r', '\x0c', '\x0b']) {
                self.at += 1;
            } else if rest.starts_with("\\\n") || rest.starts_with("\\\r\n") {
                self.at += rest.find('\n').map_or(1, |end| end + 1);
            } else if rest.starts_with('#') {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else {
                return Ok(());
            }
        }
    }

    /// Skips from `=begin` to the line of its `=end`.
    fn skip_block(&mut self) -> Result<(), Problem> {
        let begin = self.at;
        while self.at < self.text.len() {
            let rest = &self.text[self.at..];
            self.at += rest.find('\n').map_or(rest.len(), |end| end + 1);
            if directive(rest, "=end") {
                return Ok(());
            }
        }
        Err(Problem::new(begin, "the comment that begins here has no end", "end it with a line `=end`"))
    }

    /// The text of a quote, up to `close`; `open` nests if it differs from `close`.
    fn quoted(
        &mut self,
        at: usize,
        open: Option<char>,
        close: char,
        double: bool,
    ) -> Result<String, Problem> {
        let mut text = String::new();
        let mut depth = 0;
        let mut rest = self.text[self.at..].char_indices();
        while let Some((offset, c)) = rest.next() {
            let here = self.at + offset;
            if c == close && depth == 0 {
                self.at = here + c.len_utf8();
                return Ok(text);
            }
            match c {
                '\n' => break,
                NOT_UTF8 => return Err(not_utf8(here)),
                '\\' => text.push_str(&escape(rest.next().map(|(_, c)| c), here, open, close, double)?),
                '#' if double && self.text[here + 1..].starts_with(['{', '@', '$']) => {
                    return Err(Problem::new(
                        here,
                        "`#` begins a value that Ruby would have to work out",
                        "write the text out; a real `#` before `{`, `@` or `$` needs single quotes",
                    ));
                }
                _ if c.is_control() => {
                    let what = format!("the control character {} within quotes", c.escape_default());
                    return Err(Problem::new(here, what, "remove it: no name or URL has one"));
                }
                _ => {
                    depth += usize::from(open == Some(c));
                    depth -= usize::from(c == close);
                    text.push(c);
                }
            }
        }
        Err(Problem::new(
            at,
            "the quote that begins here is not closed on its line",
            format!("close it with `{close}`"),
        ))
    }

    /// `%q(text)`, `%Q(text)`, `%(text)`; Ruby's other `%` literals are not texts.
    fn percent(&mut self, at: usize) -> Result<Kind, Problem> {
        let mut signs = self.text[at + 1..].chars();
        let first = signs.next();
        let (kind, open) = match first {
            Some(kind @ ('q' | 'Q')) => (kind, signs.next()),
            other => ('Q', other),
        };
        let plain = |c: &char| c.is_ascii_punctuation();
        let Some(open) = open.filter(plain) else { return Ok(Kind::Other(self.other(&self.text[at..]))) };
        self.at = at + 1 + usize::from(first == Some(kind)) + 1;
        let (nests, close) = match open {
            '(' => (Some('('), ')'),
            '[' => (Some('['), ']'),
            '{' => (Some('{'), '}'),
            '<' => (Some('<'), '>'),
            other => (None, other),
        };
        Ok(Kind::Text(self.quoted(at, nests, close, kind == 'Q')?))
    }

    fn symbol(&mut self, at: usize) -> Result<Kind, Problem> {
        let next = self.text[at + 1..].chars().next();
        match next {
            Some(quote @ ('\'' | '"')) => {
                self.at = at + 2;
                Ok(Kind::Symbol(self.quoted(at, None, quote, quote == '"')?))
            }
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                self.at = at + 1;
                Ok(Kind::Symbol(self.run(|c| c.is_ascii_alphanumeric() || c == '_')))
            }
            _ => Ok(Kind::Other(self.other(&self.text[at..]))),
        }
    }

    fn word(&mut self) -> Kind {
        let mut word = self.run(|c| c.is_ascii_alphanumeric() || c == '_');
        if self.label_follows() {
            return self.one(Kind::Label(word));
        }
        let rest = &self.text[self.at..];
        if let Some(mark @ ('?' | '!')) = rest.chars().next()
            && !rest[1..].starts_with('=')
        {
            word.push(mark);
            self.at += 1;
        }
        Kind::Word(word)
    }

    fn label_follows(&self) -> bool {
        let rest = &self.text[self.at..];
        rest.starts_with(':') && !rest.starts_with("::")
    }

    fn run(&mut self, of: impl Fn(char) -> bool) -> String {
        let rest = &self.text[self.at..];
        let end = rest.find(|c| !of(c)).unwrap_or(rest.len());
        self.at += end;
        rest[..end].to_owned()
    }

    /// An unknown token: the characters up to a space, a letter or a quote.
    fn other(&mut self, rest: &str) -> String {
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let more = rest[first..].find(|c: char| !c.is_ascii_punctuation() || "'\"(){},;:#".contains(c));
        let end = first + more.unwrap_or(rest.len() - first);
        self.at += end;
        rest[..end].to_owned()
    }
}

/// What stands in the place of bytes that are not UTF-8.
const NOT_UTF8: char = char::REPLACEMENT_CHARACTER;

fn not_utf8(at: usize) -> Problem {
    Problem::new(at, "a byte that is not UTF-8, outside a comment", "save the file as UTF-8")
}

/// Whether a line begins with exactly this word.
fn directive(rest: &str, word: &str) -> bool {
    rest.strip_prefix(word)
        .is_some_and(|after| after.is_empty() || after.starts_with([' ', '\t', '\r', '\n']))
}
