//! The configuration and the outside world, which every command needs.

mod follow;
mod network;
pub mod report;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use stringless_core::config::{CONFIG, Config, ConfigError, Layer};
use stringless_core::name::Name;
use stringless_core::proxy::{self, VARIABLES};
use stringless_core::report::{LayerReport, Outcome, Report};

use self::network::{ca_file, proxy_of};
use crate::args::Args;
use crate::clock::Clock;
use crate::disk::{Disk, read_capped};
use crate::engine::modulepath::{self, EarlierLayer};
use crate::engine::orphan;
use crate::error::{Error, Result};
use crate::flow::run::LayerRun;
use crate::http::Http;
use crate::io::Io;
use crate::node::{self, Node};
use crate::release;
use crate::store::credentials::check_environment;
use crate::upgrade::{Followed, Offer};
use crate::{first_run, flow, log, upgrade, version};

/// The configuration and the outside world.
pub struct Session<'a> {
    /// The command line.
    pub args: &'a Args,
    /// The node's configuration.
    pub config: Config,
    /// The folder that is used as `/`.
    pub root: PathBuf,
    /// Network, clock and disk.
    pub io: Arc<Io>,
    secrets: Vec<String>,
    /// The proxy of the configuration, for engines.
    engine_proxy: Option<String>,
}

impl<'a> Session<'a> {
    /// Reads the configuration.
    ///
    /// # Errors
    /// Configuration.
    pub fn open(args: &'a Args) -> Result<Self> {
        // Engines run in their release's folder, so paths must not be relative to ours.
        let root = root_of(args)?;
        let config = read(&config_path(args, &root))?;
        check_environments(args, &config)?;
        if args.action.is_run() && config.reads_environment() {
            check_environment().map_err(|why| {
                Error::configuration(format!("reading the credentials of the {why}"))
                    .hint("correct the variable where the agent is started")
            })?;
        }
        let disk = Disk::new(root.join(config.state_dir.trim_start_matches('/')));
        let checked = config.layers.iter().filter_map(|layer| disk.layer(&layer.site).checked());
        let floor = checked.map(|checked| checked.floor).max().unwrap_or_default().max(config.rendered);
        let clock = Arc::new(Clock::new(floor));
        let proxy = if args.action.uses_network() { proxy_of(&config)? } else { None };
        let ca = ca_file(&config, &root)?;
        let http = Http::new(proxy, ca.as_deref(), &clock)?;
        let io = Arc::new(Io { http, clock, disk, traffic: Default::default() });
        // The environment of an engine names the proxies of ours, with their passwords.
        let inherited = VARIABLES.iter().filter_map(|name| std::env::var(name).ok());
        let secrets: Vec<String> =
            config.secrets().chain(inherited.flat_map(|value| proxy::secrets(&value))).collect();
        log::hide(secrets.iter().cloned());
        let engine_proxy = config.proxy().map_err(Error::configuration)?.map(|proxy| proxy.url());
        Ok(Self { args, config, root, io, secrets, engine_proxy })
    }

    /// Runs every layer, or with `--due` only those that are due, while holding the lock.
    ///
    /// # Errors
    /// Temporary: the lock or the disk. Errors of a layer are in the report; the worst one is the outcome.
    pub fn once(&self) -> Result<Outcome> {
        let (tick, now) = (self.config.shortest_interval(), self.io.clock.now());
        let is_due = |layer: &&Layer| {
            let checked = self.io.disk.layer(&layer.site).checked().map(|checked| checked.at);
            !self.args.due || layer.is_due(checked, tick, now)
        };
        let due: Vec<&Layer> = self.config.layers.iter().filter(is_due).collect();
        for layer in self.config.layers.iter().filter(|layer| !due.contains(layer)) {
            log::step(format_args!("{}: its interval of {} s is not over yet", layer.site, layer.interval));
        }
        self.run(&due)
    }

    /// Runs these layers, and those whose earlier layers have new modules, while holding the lock.
    ///
    /// # Errors
    /// As [`Session::once`].
    pub fn run(&self, asked: &[&Layer]) -> Result<Outcome> {
        let mut lock = Some(self.io.disk.lock()?);
        // First: an engine that outlived its agent stops this run, and is no fault of a new agent.
        orphan::end_orphan(&self.io.disk.file(orphan::FILE))?;
        if self.follows() {
            upgrade::begin(&self.io)?;
        }
        let (started, clock) = (self.io.clock.now(), Instant::now());
        if !self.args.noop {
            self.forget_other_layers();
        }
        let node = node::identify(&self.config, &self.root, &self.io, self.args.force);
        let (mut reports, mut offers): (Vec<LayerReport>, Vec<Option<Offer>>) = Default::default();
        for (n, layer) in self.config.layers.iter().enumerate() {
            // Read after the earlier layers have run, so that their new modules count.
            let earlier = self.earlier(n);
            let disk = self.io.disk.layer(&layer.site);
            let is_asked = asked.iter().any(|asked| asked.site == layer.site);
            if is_asked || !self.args.noop && modulepath::outdated(&earlier, &disk, &self.io.disk) {
                let (report, offer) = flow::run(&self.layer(layer, &earlier, &node));
                reports.push(report);
                offers.push(offer);
            }
        }
        let warnings = match self.follow(&reports, offers, &node, &mut lock) {
            Followed::Upgraded(outcome) if self.new_agent_reported(started) => return Ok(outcome),
            // Its first run found nothing to do, so this run is the one to report.
            Followed::Upgraded(_) => Vec::new(),
            Followed::Stayed(warnings) => warnings,
        };
        let outcome = reports.iter().map(|report| report.outcome).max().unwrap_or(Outcome::Converged);
        self.signal(&node, outcome, &mut reports);
        let record = upgrade::read(&self.io.disk).unwrap_or_default();
        let report = Report {
            format: 1,
            needs: Vec::new(),
            agent: version::text().to_owned(),
            node: node.id,
            region: node.region,
            role: node.role,
            role_from: node.role_from,
            labels: node.labels,
            started,
            milliseconds: u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX),
            outcome,
            exit_code: outcome.exit_code(self.args.detailed),
            previous: record.previous(version::own()),
            quarantined: record.quarantined,
            warnings,
            layers: reports,
        };
        self.report(report);
        if self.follows() {
            upgrade::complete(&self.io);
        }
        Ok(outcome)
    }

    /// Sends the signals of the first run. Warnings about them stand in the report of the last layer.
    fn signal(&self, node: &Node, outcome: Outcome, reports: &mut [LayerReport]) {
        if self.args.noop {
            return;
        }
        let is_good = |layer: &Layer| {
            let state = self.io.disk.layer(&layer.site).state();
            state.is_ok_and(|(state, _)| state.last_good.contains_key(self.environment(layer)))
        };
        let complete = || self.config.layers.iter().all(is_good);
        let warnings = first_run::report(&self.config.signal, node, outcome, complete, &self.io);
        if let Some(last) = reports.last_mut() {
            last.warnings.extend(warnings);
        }
    }

    /// Removes what is left of layers that are no longer in the configuration. A failure here stops no layer.
    fn forget_other_layers(&self) {
        let followed: Vec<&Name> = self.config.layers.iter().map(|layer| &layer.site).collect();
        match release::remove_others(&followed, &self.io.disk) {
            Ok(removed) => removed.iter().for_each(|site| {
                log::info(format_args!("{site}: not followed any more; its releases and packs were removed"));
            }),
            Err(error) => log::warn(format_args!("removing layers that are not followed any more: {error}")),
        }
    }

    /// The environment of a layer: its own, or the one on the command line.
    pub fn environment<'s>(&'s self, layer: &'s Layer) -> &'s Name {
        let named = |site: &Option<Name>| site.as_ref().is_none_or(|site| *site == layer.site);
        let asked = self.args.environments.iter().rev().find(|(site, _)| named(site));
        asked.map_or(&layer.environment, |(_, environment)| environment)
    }

    /// The folder of `--root`, unless that is `/`.
    pub fn other_root(&self) -> Option<&Path> {
        let same = self.root.canonicalize().is_ok_and(|real| real == Path::new("/"));
        Some(&*self.root).filter(|_| !same)
    }

    /// The layers before number `n`.
    fn earlier(&self, n: usize) -> Vec<EarlierLayer> {
        let layers = self.config.layers[..n].iter();
        let found = layers.filter_map(|layer| {
            let disk = self.io.disk.layer(&layer.site);
            EarlierLayer::find(layer, self.environment(layer), &disk, self.args.noop)
        });
        found.collect()
    }

    fn layer<'s>(&'s self, layer: &'s Layer, earlier: &'s [EarlierLayer], node: &'s Node) -> LayerRun<'s> {
        let proxy = self.engine_proxy.as_deref();
        LayerRun {
            layer,
            environment: self.environment(layer),
            disk: self.io.disk.layer(&layer.site),
            earlier,
            node,
            root: self.other_root(),
            args: self.args,
            proxy: proxy.map(|proxy| (proxy, self.config.no_proxy.as_deref().unwrap_or_default())),
            secrets: &self.secrets,
            budget: self.config.disk_budget,
            io: &self.io,
        }
    }
}

/// The folder that is used as `/`, absolute.
///
/// # Errors
/// Usage: there is no current folder.
pub fn root_of(args: &Args) -> Result<PathBuf> {
    std::path::absolute(args.root.as_deref().unwrap_or(Path::new("/")))
        .map_err(|error| Error::usage(format!("--root: {error}")))
}

/// The path of the configuration.
pub fn config_path(args: &Args, root: &Path) -> PathBuf {
    args.config.clone().unwrap_or_else(|| root.join(CONFIG.trim_start_matches('/')))
}

/// Checks that each `--environment` belongs to exactly one layer.
fn check_environments(args: &Args, config: &Config) -> Result<()> {
    let sites: Vec<&Name> = config.layers.iter().map(|layer| &layer.site).collect();
    for (site, environment) in &args.environments {
        let why = match site {
            Some(site) if sites.contains(&site) => continue,
            Some(site) => format!("--environment {site}/{environment}: this node follows no site `{site}`"),
            None if sites.len() == 1 => continue,
            None => format!("--environment {environment}: this node follows several sites; name one"),
        };
        let known: Vec<String> = sites.iter().map(|site| format!("`{site}/{environment}`")).collect();
        return Err(Error::usage(why).hint(format!("`--environment` takes {}", known.join(" or "))));
    }
    Ok(())
}

fn read(path: &Path) -> Result<Config> {
    let wrong = |why: String| Error::configuration(format!("reading `{}`: {why}", path.display()));
    let bytes = read_capped(path).map_err(|error| error.with_outcome(Outcome::Configuration))?;
    let bytes = bytes.ok_or_else(|| {
        wrong("there is no such file".into())
            .hint("the bootstrap writes it; `--config FILE` or `--root DIR` names another")
    })?;
    let config = Config::parse(&bytes).map_err(|error| {
        let failed = wrong(error.to_string());
        match &error {
            ConfigError::Json(error) if error.is_truncated() => failed.hint(
                "the file is not complete: write it again, for example by running the user-data of this node as \
                 root",
            ),
            _ => failed.hint("correct the file, or write it again by running the user-data of this node as root"),
        }
    })?;
    check_permissions(path, &config)?;
    Ok(config)
}

/// Refuses a configuration with static keys or a proxy password if other users can read the file.
fn check_permissions(path: &Path, config: &Config) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    use stringless_core::config::CredentialSource::Static;
    let secret = config.credentials().any(|source| matches!(source, Static(_)))
        || config.notify.as_ref().is_some_and(|notify| notify.url.is_some())
        || config.proxy().is_ok_and(|proxy| proxy.is_some_and(|proxy| proxy.has_login()));
    let mode = path.metadata().map_or(0, |meta| meta.permissions().mode());
    if secret && mode & 0o077 != 0 {
        let message =
            format!("reading `{}`: it contains secrets, and other users can read it", path.display());
        return Err(Error::configuration(message).hint(format!("chmod 600 {}", path.display())));
    }
    Ok(())
}
