//! Compares an older rendering with the same request rendered now. No IO.

use serde_json::Value;
use stringless_core::config::Config;
use stringless_core::fault::Fault;
use stringless_core::name::Name;

use super::{Finding, Rendering};
use crate::platform::{Encoding, Form};
use crate::request::{Request, Tool};
use crate::site::FirstFetch;
use crate::{node_config, render};

impl Rendering {
    /// The differences if `request` is rendered now with the serial, the time, the lock and the keys of the
    /// older rendering.
    ///
    /// # Errors
    /// When the request can no longer be rendered.
    pub fn compared(&self, request: &Request<'_>) -> Result<Vec<Finding>, Fault> {
        let Some(layer) = self.layer(&request.site.site) else { return Ok(Vec::new()) };
        let request = Request {
            encoding: Encoding::Plain,
            with: &[],
            // A tool without the cloud's size limit: the size was checked when the older one was rendered.
            tool: Some(Tool::Curl),
            environment: &layer.environment,
            role: self.config.role.as_ref(),
            labels: &self.config.labels,
            min_serial: layer.min_serial,
            presigned: std::collections::BTreeMap::new(),
            group: None,
            // A tool has filled in their texts, or will.
            signals: &self.config.signal,
            static_keys: self.static_keys(),
            lock: self.lock(),
            now: self.config.rendered,
            ..request.clone()
        };
        let mut findings = settings(&self.config, &node_config(&request)?, &layer.site);
        // Different keys give a different text; another finding already reports them.
        let comparable = layer.trust == request.trust && findings.is_empty() && !is_presigned(&request);
        if comparable && !self.holds(&render(&request)?.body) {
            let why = "this version of stringless, or a changed setting, renders another text".to_owned();
            findings.push(Finding { what: "script", why });
        }
        Ok(findings)
    }
}

fn is_presigned(request: &Request<'_>) -> bool {
    request.site.first_fetch() == FirstFetch::Presigned && request.form != Form::Nix
}

/// The keys in which the two configurations differ, except `trust`. For layers of other sites, only that
/// they differ.
fn settings(old: &Config, new: &Config, site: &Name) -> Vec<Finding> {
    let flat = |config: &Config| {
        let mut value = serde_json::to_value(config).unwrap_or_default();
        let own = config.layers.iter().position(|layer| layer.site == *site).unwrap_or_default();
        let layer = value["layers"][own].take();
        (value, layer)
    };
    let ((old, old_layer), (new, new_layer)) = (flat(old), flat(new));
    let mut findings = Vec::new();
    for (old, new) in [(&old, &new), (&old_layer, &new_layer)] {
        let (Value::Object(old), Value::Object(new)) = (old, new) else { continue };
        let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
        keys.sort();
        keys.dedup();
        for key in keys.into_iter().filter(|key| *key != "trust" && old.get(*key) != new.get(*key)) {
            let why = format!("`{key}` of the node's configuration would differ now");
            findings.push(Finding { what: "settings", why });
        }
    }
    findings
}
