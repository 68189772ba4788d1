//! The rules of the site file that its types do not express.

use stringless_core::fault::Fault;
use stringless_core::label::Labels;
use stringless_core::limits;
use stringless_core::manifest::Engine;
use stringless_core::proxy::Proxy;
use stringless_core::store::Store;

use super::{ApplyOverride, FirstFetch, LayerFiles, NodeSettings, Schedule, Site, Span};

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
        let mut lists = vec![
            ("stores".to_owned(), self.stores.len()),
            ("checks.ignore".to_owned(), self.checks.ignore.len()),
            ("modules.override".to_owned(), self.modules.overrides.len()),
            ("node.credentials".to_owned(), self.node.credentials.len()),
            ("node.layers".to_owned(), self.node.layers.all().count()),
            ("environments".to_owned(), self.environments.len()),
            ("sources".to_owned(), self.sources.len()),
        ];
        for (name, source) in &self.sources {
            lists.push((format!("sources.{name}.branches"), source.branches.len()));
            lists.push((format!("sources.{name}.ignore"), source.ignore.len()));
        }
        for (key, entries) in lists {
            limits::ENTRIES.check(entries as u64).map_err(|why| fault(&key, &why))?;
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
        if let Some(lifetime) = self.expires.seconds() {
            limits::LIFETIME.check(lifetime).map_err(|why| fault("expires", &why))?;
        }
        let of_environments = self.environments.iter().map(|(name, e)| ("environments", name, &e.apply));
        let of_sources = self.sources.iter().map(|(name, source)| ("sources", name, &source.apply));
        let none = ApplyOverride::default();
        let own = ("apply".to_owned(), &none);
        let overrides = of_environments
            .chain(of_sources)
            .filter_map(|(key, name, apply)| Some((format!("{key}.{name}.apply"), apply.as_ref()?)));
        for (place, apply) in [own].into_iter().chain(overrides) {
            self.merged(apply).check().map_err(|(key, why)| fault(&format!("{place}.{key}"), &why))?;
        }
        self.modules.check().map_err(|(key, why)| {
            fault(&format!("modules.{key}"), &why).hint("`docs/reference/site.md` has the keys of `modules`")
        })?;
        let kinds = ["https://", "file:///"];
        let fetched = |from: &String| plain(from) && kinds.iter().any(|kind| from.starts_with(kind));
        if !self.agent.from.as_ref().is_none_or(fetched) {
            return Err(fault("agent.from", "expected `https://…` or `file:///…`, without spaces")
                .hint("as `https://mirror.example.com/stringless/{version}`"));
        }
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
            notify: None,
            role: None,
            role_from: None,
            labels: Labels::default(),
            layers: LayerFiles::default(),
        }
    }
}

impl NodeSettings {
    /// Checks the values. The error is the key at fault, and the reason.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        limits::INTERVAL.check(self.interval.seconds()).map_err(|why| ("interval", why))?;
        limits::SPLAY.check(self.splay.seconds()).map_err(|why| ("splay", why))?;
        if let Some(budget) = self.disk_budget {
            limits::DISK_BUDGET.check(budget.bytes()).map_err(|why| ("disk_budget", why))?;
        }
        if let Some(notify) = &self.notify {
            notify.check()?;
        }
        for (n, kind) in self.credentials.iter().enumerate() {
            if self.credentials[..n].contains(kind) {
                return Err(("credentials", format!("{kind:?} is listed twice")));
            }
        }
        if let Some(proxy) = &self.proxy {
            Proxy::parse(proxy).map_err(|why| {
                ("proxy", format!("expected `http://[user:password@]host:port`, but {why}"))
            })?;
        }
        if self.role.is_some() && self.role_from.is_some() {
            return Err(("role_from", "`node.role` is set, too: only one of them is possible".into()));
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
