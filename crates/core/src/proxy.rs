//! An HTTP proxy, as `proxy` in a site file or in `agent.json` names it, and as the environment does.
//!
//! One value, one parser: what a request uses, what an engine is given and what no output may show come from
//! the same [`Proxy`].

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use base64ct::{Base64, Encoding};

/// A proxy that is reached over plain HTTP. The `Debug` form does not show the login.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// The login as written: `user` or `user:password`, percent-encoded.
    login: Option<String>,
    /// The name or the address; an IPv6 address is in brackets.
    pub host: String,
    /// The port; 80 if none is written.
    pub port: u16,
}

/// The variables of the environment that name a proxy, in the order of their precedence: first those for one
/// kind of URL, then those for all.
pub const VARIABLES: [&str; 6] =
    ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// The variables that name the hosts to reach without a proxy, in the order of their precedence.
pub const AROUND: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The value of a variable; an error if it is not UTF-8.
pub type Value = Result<String, ()>;

impl Proxy {
    /// Parses `http://[user:password@]host[:port]`.
    ///
    /// # Errors
    /// What is wrong. The text does not show the value, which may contain a password.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = text.split_once("://").ok_or("it does not begin with `http://`")?;
        if !scheme.eq_ignore_ascii_case("http") {
            return Err("it is of another kind: only proxies with `http://` are supported");
        }
        if !rest.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(
                "it contains a character that is not printable ASCII: write it as `%20` for a space, and so on",
            );
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        if !matches!(&rest[end..], "" | "/") {
            return Err("it has a path: in a password, write `/` as `%2F`, `?` as `%3F` and `#` as `%23`");
        }
        let (login, place) = match rest[..end].rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, &rest[..end]),
        };
        if login.is_some_and(|login| decode(login).is_none()) {
            return Err("its login has a `%` that is not followed by two hex digits: write `%` as `%25`");
        }
        let (host, port) = match place.strip_prefix('[').and_then(|six| six.split_once(']')) {
            Some((six, port)) if six.parse::<core::net::Ipv6Addr>().is_ok() => {
                (format!("[{six}]"), Some(port).filter(|port| !port.is_empty()))
            }
            _ => {
                let (host, port) =
                    place.find(':').map_or((place, None), |at| (&place[..at], Some(&place[at..])));
                (host.to_owned(), port)
            }
        };
        let inside = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        if host.is_empty() || !host.starts_with('[') && !host.bytes().all(inside) {
            return Err("it names no host");
        }
        let number = |port: &str| port.strip_prefix(':')?.parse::<u16>().ok().filter(|port| *port > 0);
        let port = match port {
            None => 80,
            Some(port) => number(port).ok_or("its port is not a number from 1 to 65535")?,
        };
        Ok(Self { login: login.map(ToOwned::to_owned), host, port })
    }

    /// Parses the value of a variable, which may lack the `http://`.
    ///
    /// # Errors
    /// As [`Proxy::parse`].
    pub fn parse_variable(text: &str) -> Result<Self, &'static str> {
        if text.contains("://") { Self::parse(text) } else { Self::parse(&format!("http://{text}")) }
    }

    /// The proxy that the environment names: the first of [`VARIABLES`] that is set and not empty.
    ///
    /// # Errors
    /// A sentence that names the variable, if its value is not a proxy that is supported.
    pub fn from_environment(get: impl Fn(&str) -> Option<Value>) -> Result<Option<Self>, String> {
        for name in VARIABLES {
            let parsed = match get(name) {
                None => continue,
                Some(Ok(text)) if text.is_empty() => continue,
                Some(Ok(text)) => Self::parse_variable(&text),
                Some(Err(())) => Err("it is not UTF-8"),
            };
            return parsed.map(Some).map_err(|why| format!("the variable `{name}` is not a proxy: {why}"));
        }
        Ok(None)
    }

    /// The URL, for programs that read it from their environment.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.login {
            Some(login) => format!("http://{login}@{}", self.place()),
            None => format!("http://{}", self.place()),
        }
    }

    /// `host:port`, for messages: without the login.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The user, decoded.
    #[must_use]
    pub fn user(&self) -> Option<String> {
        let login = self.login.as_deref()?;
        decode(login.split_once(':').map_or(login, |(user, _)| user))
    }

    /// The password, decoded.
    #[must_use]
    pub fn password(&self) -> Option<String> {
        decode(self.login.as_deref()?.split_once(':')?.1)
    }

    /// Whether there is a login, which makes the value a secret.
    #[must_use]
    pub fn has_login(&self) -> bool {
        self.login.is_some()
    }

    /// The texts that no output may show: see [`secrets`].
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        secrets(&self.url())
    }
}

impl core::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Proxy({})", self.place())
    }
}

/// The texts that no output may show of a value that may be a proxy of any kind, even an unsupported one: the
/// password as written and decoded, and the login as HTTP sends it.
#[must_use]
pub fn secrets(value: &str) -> Vec<String> {
    let rest = value.split_once("://").map_or(value, |(_, rest)| rest);
    let Some((login, _)) = rest.rsplit_once('@') else { return Vec::new() };
    let Some((user, password)) = login.split_once(':').filter(|(_, password)| !password.is_empty()) else {
        return Vec::new();
    };
    let plain = |text: &str| decode(text).unwrap_or_else(|| text.to_owned());
    let (user, decoded) = (plain(user), plain(password));
    let sent = Base64::encode_string(format!("{user}:{decoded}").as_bytes());
    let mut found = Vec::from([password.to_owned(), decoded, sent]);
    found.dedup();
    found
}

/// Decodes `%xx`; `None` if there is another `%`, or if the result is not UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let hex = str::from_utf8(after.get(..2)?).ok().filter(|hex| !hex.starts_with('+'))?;
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_parse_gives_the_place_and_the_login() {
        let all = |text: &str| {
            let proxy = Proxy::parse(text).unwrap();
            (proxy.place(), proxy.user().unwrap_or_default(), proxy.password().unwrap_or_default())
        };
        let expect = |place: &str, user: &str, password: &str| (place.into(), user.into(), password.into());
        assert_eq!(all("http://proxy:3128"), expect("proxy:3128", "", ""));
        assert_eq!(all("HTTP://proxy.example.net/"), expect("proxy.example.net:80", "", ""));
        assert_eq!(all("http://[fd00::1]:3128"), expect("[fd00::1]:3128", "", ""));
        assert_eq!(all("http://[fd00::1]"), expect("[fd00::1]:80", "", ""));
        assert_eq!(all("http://me@proxy:1"), expect("proxy:1", "me", ""));
        assert_eq!(all("http://me:p@ss:w%20rd%2F@proxy:1"), expect("proxy:1", "me", "p@ss:w rd/"));
        assert_eq!(Proxy::parse("http://a:b%20c@p:1/").unwrap().url(), "http://a:b%20c@p:1");
    }

    #[test]
    fn refuses_the_rest_without_showing_it() {
        for text in [
            "",
            "proxy:3128",
            "user:secret@proxy",
            "https://proxy",
            "socks5://me:secret@proxy:1080",
            "nonsense://",
            "http://",
            "http://:3128",
            "http://me:secret@",
            "http://me:a secret@proxy",
            "http://me:secr/et@proxy",
            "http://me:secret%@proxy",
            "http://me:secret%zz@proxy",
            "http://me:secret%ff@proxy",
            "http://me:secret%+1@proxy",
            "http://proxy:0",
            "http://proxy:65536",
            "http://proxy:1x",
            "http://proxy:",
            "http://[fd00::1",
            "http://[fd00::x]:1",
            "http://a,b",
            "http://m\u{e9}:secret@proxy",
        ] {
            let why = Proxy::parse(text).unwrap_err();
            assert!(!why.contains("secret"), "{text}: {why}");
        }
    }

    #[test]
    fn an_invalid_variable_is_not_an_absent_one() {
        let with = |set: &[(&str, Value)]| {
            Proxy::from_environment(|name| {
                set.iter().find(|(set, _)| *set == name).map(|(_, value)| value.clone())
            })
        };
        assert_eq!(with(&[]), Ok(None));
        assert_eq!(with(&[("http_proxy", Ok(String::new()))]), Ok(None));
        let place = |set: &[(&str, Value)]| with(set).unwrap().unwrap().place();
        assert_eq!(place(&[("all_proxy", Ok("proxy:3128".into()))]), "proxy:3128");
        let both = [("ALL_PROXY", Ok("socks5://other".into())), ("https_proxy", Ok("http://one:1".into()))];
        assert_eq!(place(&both), "one:1");
        for text in ["socks5://u:secret@proxy", "http://u:a secret@proxy", "nonsense://"] {
            let why = with(&[("HTTP_PROXY", Ok(text.into()))]).unwrap_err();
            assert!(why.starts_with("the variable `HTTP_PROXY` is not a proxy: it "), "{why}");
            assert!(!why.contains("secret"), "{why}");
        }
        assert!(with(&[("http_proxy", Err(()))]).unwrap_err().contains("`http_proxy`"));
    }

    #[test]
    fn masks_every_form_of_a_password() {
        let base64 = Base64::encode_string(b"me:p w");
        for value in ["http://me:p%20w@proxy:1", "socks5://me:p%20w@proxy", "me:p%20w@proxy"] {
            assert_eq!(secrets(value), ["p%20w", "p w", base64.as_str()], "{value}");
        }
        assert_eq!(secrets("http://me:pw@proxy")[0], "pw");
        for value in ["", "http://proxy", "http://me@proxy", "http://me:@proxy"] {
            assert_eq!(secrets(value), [""; 0], "{value}");
        }
        assert!(!format!("{:?}", Proxy::parse("http://me:hidden@proxy").unwrap()).contains("hidden"));
    }
}
