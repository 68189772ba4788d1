//! `--root`: whether an engine keeps to the folder that is used as `/`.
//!
//! An engine runs on this machine. Only a script can promise to change nothing outside the folder in
//! `STRINGLESS_ROOT`. Puppet changes the machine that it runs on.

use std::path::Path;

use stringless_core::manifest::Engine;

use crate::error::{Error, Result};

/// Whether the engine may run with this root; `None` is `/` itself.
pub fn keeps_to(engine: &Engine, root: Option<&Path>) -> bool {
    match engine {
        Engine::Script(script) => root.is_none() || script.root,
        Engine::Puppet(_) => root.is_none(),
    }
}

/// Checks that the engine of a release may run with this root.
///
/// # Errors
/// Usage: the engine could change this machine.
pub fn check(engine: &Engine, root: Option<&Path>, serial: u64) -> Result<()> {
    let Some(folder) = root.filter(|_| !keeps_to(engine, root)).map(Path::display) else { return Ok(()) };
    let name = if let Engine::Puppet(_) = engine { "puppet" } else { "script" };
    let message = format!(
        "applying release {serial}: its {name} engine could change this machine, not only `{folder}` (--root)"
    );
    Err(Error::usage(message).hint(match engine {
        Engine::Script(_) => {
            "if the script changes only what is below $STRINGLESS_ROOT, say so in the site file: \
             `engine: {script: {run: apply, root: true}}`. With `--noop`, the agent verifies everything and \
             does not run it"
                .to_owned()
        }
        Engine::Puppet(_) => format!(
            "Puppet changes the machine that it runs on: if the folder is a whole system with the agent, use \
             `chroot {folder} stringless-agent --once`. With `--noop`, the agent verifies everything and does \
             not run Puppet"
        ),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use stringless_core::manifest::{PuppetEngine, ScriptEngine};

    #[test]
    fn only_a_script_that_promises_it_runs_with_a_root() {
        let script = |root| Engine::Script(ScriptEngine { run: "apply".into(), noop: true, root });
        let puppet = Engine::Puppet(PuppetEngine {});
        let folder = Some(Path::new("/srv/node"));
        for (engine, root, expected) in [
            (script(false), None, true),
            (script(false), folder, false),
            (script(true), folder, true),
            (script(true), None, true),
            (puppet.clone(), None, true),
            (puppet, folder, false),
        ] {
            assert_eq!(keeps_to(&engine, root), expected, "{engine:?} {root:?}");
            assert_eq!(check(&engine, root, 1).is_ok(), expected, "{engine:?} {root:?}");
        }
    }
}
