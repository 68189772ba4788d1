//! The agents that were pushed: for which targets, and which distros have none.

use std::collections::BTreeSet;

use stringless_core::name::Name;
use stringless_render::platform::Platforms;

use super::Doctor;
use super::findings::Findings;
use crate::error::Result;

impl Doctor<'_> {
    /// Compares the agents that were pushed with the targets of the distros.
    pub(super) fn agents(self, list: &mut Findings) {
        let checked = self.agents_of_distros(list).map(|()| ((), String::new()));
        list.add("agent", checked);
    }

    fn agents_of_distros(self, list: &mut Findings) -> Result<()> {
        let pin = self.site.lock()?.pin(self.site.agent_version());
        if pin.targets.is_empty() {
            list.warn("agent", format!("{} is not pushed", pin.version), PUSH);
            return Ok(());
        }
        let targets: Vec<&str> = pin.targets.keys().map(Name::as_str).collect();
        list.ok("agent", format!("{} for {}", pin.version, targets.join(", ")));
        let platforms = Platforms::embedded()?;
        let missing: BTreeSet<&Name> = platforms
            .distros
            .iter()
            .flat_map(|distro| &distro.targets)
            .filter(|target| !pin.targets.contains_key(*target))
            .collect();
        for target in missing {
            let distros = platforms.distros.iter().filter(|distro| distro.targets.contains(target));
            let distros: Vec<&str> = distros.map(|distro| distro.id.as_str()).collect();
            let message =
                format!("{} is not pushed for {target}, a target of {}", pin.version, distros.join(", "));
            list.warn("agent", message, "`stringless agent push --from DIR`, if you have such machines");
        }
        Ok(())
    }
}

const PUSH: &str = "`stringless agent push`, before rendering";
