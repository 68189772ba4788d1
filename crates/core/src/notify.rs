//! The notice after a run: to whom, after which runs, and how many in an hour.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::report::Outcome;
use crate::time::Timestamp;

/// Where notices go. The `Debug` form does not show the URL, which is a secret of many services.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notify {
    /// The events that send a notice.
    pub on: Vec<Event>,
    /// A program on the node: an absolute path. It reads the notice from its standard input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// `https://…`: the notice is sent there with POST.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The most notices in an hour.
    #[serde(default = "per_hour", skip_serializing_if = "is_per_hour")]
    pub per_hour: u64,
}

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The first failed run, or one that failed in another way than the run before.
    Failed,
    /// The first good run after a failed one.
    Recovered,
}

impl Event {
    /// The text in a notice.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Recovered => "recovered",
        }
    }
}

impl Notify {
    /// Checks the values.
    ///
    /// # Errors
    /// The key at fault and what is expected. The text does not show the URL.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        if self.on.is_empty() {
            return Err(("on", "expected `failed`, `recovered` or both".into()));
        }
        if (1..self.on.len()).any(|n| self.on[..n].contains(&self.on[n])) {
            return Err(("on", "an event is listed twice".into()));
        }
        match (&self.run, &self.url) {
            (Some(path), None) => {
                let odd = path.contains("//") || path.split('/').any(|part| part == "." || part == "..");
                if !path.starts_with('/') || path.ends_with('/') || odd || path.chars().any(char::is_control)
                {
                    return Err(("run", "expected the absolute path of a program on the node".into()));
                }
            }
            (None, Some(url)) => {
                host(url).ok_or(("url", "expected `https://host/path`, without a login".into()))?;
            }
            _ => return Err(("run", "expected either `run` or `url`".into())),
        }
        limits::NOTICES.check(self.per_hour).map_err(|why| ("per_hour", why))
    }

    /// Where notices go, for messages: of a URL only its host.
    #[must_use]
    pub fn place(&self) -> String {
        let url = || Some(format!("https://{}", host(self.url.as_deref()?)?));
        self.run.clone().or_else(url).unwrap_or_default()
    }

    /// The texts that no output may show: the URL, and what follows its host.
    pub fn secrets(&self) -> impl Iterator<Item = String> + use<> {
        let url = self.url.clone().unwrap_or_default();
        let path = host(&url).and_then(|host| url.get("https://".len() + host.len()..)).unwrap_or_default();
        let path = Some(path.trim_matches('/')).filter(|path| path.len() >= SECRET).map(String::from);
        [Some(url).filter(|url| !url.is_empty()), path].into_iter().flatten()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Notify({:?}, {})", self.on, self.place())
    }
}

/// The host of a URL with `https://`, with its port; `None` if it is not such a URL.
fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://")?;
    let host = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let inside = |b: u8| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b);
    let good = !host.is_empty() && host.bytes().all(inside) && rest.bytes().all(|b| b.is_ascii_graphic());
    good.then_some(host)
}

/// What a node remembers about its notices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notices {
    /// 1.
    pub format: u32,
    /// How the last run failed; none if it went well.
    #[serde(default)]
    pub failing: Option<Outcome>,
    /// When notices were sent, in the last hour.
    #[serde(default)]
    pub sent: Vec<Timestamp>,
    /// How many notices were left out since the last one, because there were too many.
    #[serde(default)]
    pub left_out: u64,
}

impl Default for Notices {
    fn default() -> Self {
        Self { format: 1, failing: None, sent: Vec::new(), left_out: 0 }
    }
}

impl Notices {
    /// The event of a run, if it ended in another way than the one before.
    pub fn event(&mut self, outcome: Outcome) -> Option<Event> {
        let now = Some(outcome).filter(|outcome| outcome.is_failure());
        let before = core::mem::replace(&mut self.failing, now);
        match (before, now) {
            (before, now) if before == now => None,
            (_, Some(_)) => Some(Event::Failed),
            (_, None) => Some(Event::Recovered),
        }
    }

    /// Whether a notice may be sent now; if so, it counts. If not, it counts as left out.
    pub fn admit(&mut self, now: Timestamp, per_hour: u64) -> bool {
        // If the clock was set back, what seems to lie ahead does not count.
        self.sent.retain(|at| *at <= now && now < at.plus(HOUR));
        let free = (self.sent.len() as u64) < per_hour;
        if free {
            self.sent.push(now);
        } else {
            self.left_out = self.left_out.saturating_add(1);
        }
        free
    }
}

fn per_hour() -> u64 {
    PER_HOUR
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_per_hour(number: &u64) -> bool {
    *number == PER_HOUR
}

/// The default of [`Notify::per_hour`].
pub const PER_HOUR: u64 = 6;
const HOUR: u64 = 3600;
/// A shorter path is no secret, and would hide parts of other texts.
const SECRET: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn parse(text: &str) -> Notify {
        json::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn takes_a_program_or_a_url() {
        for good in [
            r#"{"on": ["failed"], "run": "/usr/local/bin/notice"}"#,
            r#"{"on": ["failed", "recovered"], "url": "https://hooks.example.net/T0/B0/hidden?x=1", "per_hour": 60}"#,
            r#"{"on": ["recovered"], "url": "https://[fd00::1]:8443", "later": {}}"#,
        ] {
            let notify = parse(good);
            assert_eq!(notify.check(), Ok(()), "{good}");
            assert_eq!(json::parse::<Notify>(&json::write(&notify)), Ok(notify));
        }
        for (bad, key) in [
            (r#"{"on": [], "run": "/x"}"#, "on"),
            (r#"{"on": ["failed", "failed"], "run": "/x"}"#, "on"),
            (r#"{"on": ["failed"]}"#, "run"),
            (r#"{"on": ["failed"], "run": "/x", "url": "https://a"}"#, "run"),
            (r#"{"on": ["failed"], "run": "x"}"#, "run"),
            (r#"{"on": ["failed"], "run": "/a/../x"}"#, "run"),
            (r#"{"on": ["failed"], "run": "/a/"}"#, "run"),
            (r#"{"on": ["failed"], "run": "/a\nb"}"#, "run"),
            (r#"{"on": ["failed"], "url": "http://hooks.example.net/hidden"}"#, "url"),
            (r#"{"on": ["failed"], "url": "https://me:hidden@example.net/"}"#, "url"),
            (r#"{"on": ["failed"], "url": "https:///hidden"}"#, "url"),
            (r#"{"on": ["failed"], "url": "https://a/hidden b"}"#, "url"),
            (r#"{"on": ["failed"], "run": "/x", "per_hour": 0}"#, "per_hour"),
            (r#"{"on": ["failed"], "run": "/x", "per_hour": 61}"#, "per_hour"),
        ] {
            let (at, why) = parse(bad).check().unwrap_err();
            assert!(at == key && !why.contains("hidden"), "{bad}: {at}: {why}");
        }
    }

    #[test]
    fn a_url_is_a_secret_and_its_host_is_not() {
        let notify = parse(r#"{"on": ["failed"], "url": "https://hooks.example.net/T0/hidden-1"}"#);
        assert_eq!(notify.place(), "https://hooks.example.net");
        assert!(!format!("{notify:?}").contains("hidden"));
        let secrets: Vec<String> = notify.secrets().collect();
        assert_eq!(secrets, ["https://hooks.example.net/T0/hidden-1", "T0/hidden-1"]);
    }

    #[test]
    fn a_notice_is_about_a_change() {
        let mut notices = Notices::default();
        for (outcome, event) in [
            (Outcome::Converged, None),
            (Outcome::EngineFailed, Some(Event::Failed)),
            (Outcome::EngineFailed, None),
            (Outcome::Refused, Some(Event::Failed)),
            (Outcome::Changed, Some(Event::Recovered)),
            (Outcome::Converged, None),
            (Outcome::Temporary, Some(Event::Failed)),
        ] {
            assert_eq!(notices.event(outcome), event, "{outcome:?}");
        }
    }

    #[test]
    fn so_many_in_an_hour_and_no_more() {
        let at = Timestamp::parse("2026-11-20T18:00:00Z").unwrap();
        let mut notices = Notices::default();
        assert!(notices.admit(at, 2) && notices.admit(at.plus(10), 2));
        assert!(!notices.admit(at.plus(20), 2) && !notices.admit(at.plus(3599), 2));
        assert_eq!(notices.left_out, 2);
        assert!(notices.admit(at.plus(3600), 2));
        assert!(!notices.admit(at.plus(3605), 2));
        // The clock was set back.
        assert!(notices.admit(at, 2));
    }
}
