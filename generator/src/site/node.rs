//! Defaults and checks of the `node` settings.

use super::{NodeSettings, Schedule, Span};

impl Default for NodeSettings {
    fn default() -> Self {
        Self {
            schedule: Schedule::default(),
            interval: Span::minutes(5),
            splay: Span::minutes(1),
            first_fetch: None,
            credentials: Vec::new(),
            proxy: None,
            no_proxy: None,
            ca_file: None,
            name: None,
        }
    }
}

impl NodeSettings {
    /// The key at fault and why.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let bounds = 10..=7 * 86_400;
        if !bounds.contains(&self.interval.seconds()) {
            return Err(("interval", "10 seconds to 7 days are possible".into()));
        }
        if self.splay.seconds() > *bounds.end() {
            return Err(("splay", "at most 7 days are possible".into()));
        }
        for (n, kind) in self.credentials.iter().enumerate() {
            if self.credentials[..n].contains(kind) {
                return Err(("credentials", format!("{kind:?} stands twice")));
            }
        }
        if let Some(proxy) = &self.proxy {
            let rest = proxy.strip_prefix("http://").or_else(|| proxy.strip_prefix("https://"));
            if !rest.is_some_and(|rest| plain(rest) && !rest.is_empty()) {
                return Err(("proxy", "expected `http://host:port`, printable ASCII without spaces".into()));
            }
        }
        if !self.no_proxy.as_deref().is_none_or(plain) {
            return Err(("no_proxy", "expected hosts with commas between them, without spaces".into()));
        }
        Ok(())
    }
}

fn plain(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic())
}
