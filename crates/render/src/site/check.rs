//! The rules of the site file that its types do not express.

use stringless_core::fault::Fault;
use stringless_core::manifest::Engine;
use stringless_core::store::Store;

use super::{FirstFetch, LayerFiles, NodeSettings, Schedule, Site, Span};

impl Site {
    /// Checks all rules. `origin` is the file's name, for the message.
    pub(crate) fn check(&self, origin: &str) -> Result<(), Fault> {
        let fault = |key: &str, why: &str| Fault::new(format!("reading {origin}: {key}: {why}"));
        let located = |key: String, why: Fault| Fault {
            message: format!("reading {origin}: {key}: {}", why.message),
            hint: why.hint,
        };
        if self.stores.is_empty() {
            return Err(fault("stores", "at least one store is needed"));
        }
        for (n, settings) in self.stores.iter().enumerate() {
            let store =
                settings.parse().map_err(|error| fault(&format!("stores[{n}]"), &error.to_string()))?;
            if n == 0 && !matches!(store, Store::S3(_)) && self.first_fetch() != FirstFetch::Public {
                return Err(fault("node.first_fetch", "only `s3://` stores take signed requests")
                    .hint("leave `node.first_fetch` out, or set it to `public`"));
            }
        }
        if self.environments.is_empty() && self.sources.is_empty() {
            return Err(fault("environments", "at least one environment is needed").hint(
                "`environments: {production: {source: {path: .}}}`, or `sources: {control: {git: URL}}`",
            ));
        }
        for (name, source) in &self.sources {
            source.check().map_err(|(key, why)| located(format!("sources.{name}.{key}"), why))?;
        }
        for (name, environment) in &self.environments {
            let checked = environment.source.check();
            checked.map_err(|(key, why)| located(format!("environments.{name}.source.{key}"), why))?;
            let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
            let puppet = matches!(self.apply(name)?.engine, Engine::Puppet(_));
            if puppet && !name.as_str().bytes().all(allowed) {
                return Err(fault(
                    &format!("environments.{name}"),
                    "Puppet allows lower-case letters, digits and `_` only",
                ));
            }
        }
        let of_environments = self.environments.iter().map(|(name, e)| ("environments", name, &e.apply));
        let of_sources = self.sources.iter().map(|(name, source)| ("sources", name, &source.apply));
        let policies = of_environments.chain(of_sources).filter_map(|(key, name, apply)| {
            Some((format!("{key}.{name}.apply.failure.tries"), apply.as_ref()?.failure?))
        });
        let own = ("apply.failure.tries".to_owned(), self.apply.failure);
        for (key, failure) in [own].into_iter().chain(policies) {
            if !(1..=100).contains(&failure.tries) {
                return Err(fault(&key, "1 to 100 are possible"));
            }
        }
        self.modules.check().map_err(|(key, why)| {
            fault(&format!("modules.{key}"), &why).hint("`docs/reference/site.md` has the keys of `modules`")
        })?;
        self.node.check().map_err(|(key, why)| fault(&format!("node.{key}"), &why))
    }
}

impl Default for NodeSettings {
    fn default() -> Self {
        Self {
            schedule: Schedule::default(),
            interval: Span::minutes(5),
            splay: Span::minutes(1),
            disk_budget: None,
            first_fetch: None,
            credentials: Vec::new(),
            proxy: None,
            no_proxy: None,
            ca_file: None,
            name: None,
            layers: LayerFiles::default(),
        }
    }
}

impl NodeSettings {
    /// Checks the values. The error is the key at fault, and the reason.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        let bounds = 10..=7 * 86_400;
        if !bounds.contains(&self.interval.seconds()) {
            return Err(("interval", "10 seconds to 7 days are possible".into()));
        }
        if self.splay.seconds() > *bounds.end() {
            return Err(("splay", "at most 7 days are possible".into()));
        }
        if self.disk_budget.is_some_and(|budget| budget.bytes() < MIN_BUDGET) {
            return Err(("disk_budget", "at least 1MiB is needed".into()));
        }
        for (n, kind) in self.credentials.iter().enumerate() {
            if self.credentials[..n].contains(kind) {
                return Err(("credentials", format!("{kind:?} is listed twice")));
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

const MIN_BUDGET: u64 = 1 << 20;

fn plain(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic())
}
