//! What can be chosen beside what is chosen already.

use serde::Serialize;
use stringless_core::name::Name;
use stringless_render::choice::{self, Target};
use stringless_render::encode;
use stringless_render::platform::{Distro, Encoding, Form, Platforms};

use crate::question::Written;

/// What can be chosen; empty lists where a choice before it is missing.
#[derive(Default, Serialize)]
pub(crate) struct Options {
    /// The ids of the clouds where user-data reaches the distro.
    clouds: Vec<String>,
    /// The forms of the pair, the default first.
    forms: Vec<&'static str>,
    /// The encodings, the default first.
    encodings: Vec<&'static str>,
    /// The boot agents of the pair, the best first.
    boot_agents: Vec<BootAgent>,
    /// The CPUs, the usual one first, if the form holds a single agent.
    cpus: Vec<String>,
}

/// A program that runs user-data.
#[derive(Serialize)]
struct BootAgent {
    id: String,
    name: String,
}

/// What is used where nothing was chosen, too.
#[derive(Default, Serialize)]
pub(crate) struct Chosen {
    pub environment: Option<Name>,
    pub form: Option<&'static str>,
    pub encoding: Option<&'static str>,
    pub boot_agent: Option<String>,
    /// Null if the form holds the agents for all CPUs.
    pub cpu: Option<String>,
}

impl Options {
    /// What can be chosen beside `written`.
    pub(crate) fn new(platforms: &Platforms, written: &Written) -> Self {
        let Some(distro) = written.distro.as_deref().and_then(|id| platforms.distro(id).ok()) else {
            return Self::default();
        };
        let clouds = choice::clouds(platforms, distro).map(|cloud| cloud.id.clone()).collect();
        let Some(cloud) = written.cloud.as_deref().and_then(|id| platforms.cloud(id).ok()) else {
            return Self { clouds, ..Self::default() };
        };
        let agents = || platforms.boot_agents(distro, cloud, None);
        let wanted = written.boot_agent.as_deref();
        let forms: Vec<Form> = platforms
            .forms(distro, cloud)
            .into_iter()
            .filter(|form| {
                platforms
                    .boot_agents(distro, cloud, Some(*form))
                    .any(|one| wanted.is_none_or(|id| one.id == id))
            })
            .collect();
        let form = written.form.as_deref().map_or(forms.first().copied(), |form| choice::form(form).ok());
        let boot =
            platforms.boot_agents(distro, cloud, form).find(|one| wanted.is_none_or(|id| one.id == id));
        let encodings = boot.map(|boot| encode::usable(cloud, boot)).unwrap_or_default();
        Self {
            clouds,
            forms: forms.into_iter().map(Form::as_str).collect(),
            encodings: encodings.into_iter().map(Encoding::as_str).collect(),
            boot_agents: agents()
                .map(|agent| BootAgent { id: agent.id.clone(), name: agent.name.clone() })
                .collect(),
            cpus: form.map(|form| cpus(distro, form)).unwrap_or_default(),
        }
    }
}

impl Chosen {
    /// Adds what `target` uses.
    pub(crate) fn add(&mut self, target: &Target<'_>, cpu: Option<&str>) {
        let form = target.delivery.form;
        self.form = Some(form.as_str());
        self.encoding = Some(target.encoding.as_str());
        self.boot_agent = Some(target.delivery.boot.id.clone());
        let usual = cpus(target.distro, form).into_iter().next();
        self.cpu = usual.map(|usual| cpu.map_or(usual, str::to_owned));
    }
}

/// The CPUs of the distro, if `form` holds a single agent.
fn cpus(distro: &Distro, form: Form) -> Vec<String> {
    if !matches!(form, Form::Ignition | Form::Nix) {
        return Vec::new();
    }
    let cpu = |target: &Name| target.as_str().split('-').next().unwrap_or_default().to_owned();
    distro.targets.iter().map(cpu).collect()
}
