//! Modules of NixOS, evaluated by Nix itself.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::process::succeed;

/// What modules evaluate to, beside packages that are none: a file that one would write is `/text/` and its text.
///
/// # Panics
/// When one of them does not evaluate.
#[must_use]
pub fn evaluated(instantiate: &Path, folder: &Path, modules: &[&str]) -> Vec<Value> {
    let stub = "{ bash = \"/bash\"; coreutils = \"/coreutils\"; curl = \"/curl\"; fetchurl = x: \"/fetched/${x.sha256}\"; \
                writeText = name: text: \"/text/${text}\"; runCommand = name: _: text: text; }";
    let mut all = String::from("[\n");
    for (number, text) in modules.iter().enumerate() {
        let file = folder.join(format!("{number}.nix"));
        fs::write(&file, text).unwrap();
        all.push_str(&format!(
            "  (import {} {{ pkgs = {stub}; modulesPath = \"/modules\"; }})\n",
            file.display()
        ));
    }
    all.push(']');
    let file = folder.join("all.nix");
    fs::write(&file, &all).unwrap();
    let printed =
        succeed(command(instantiate, folder).args(["--eval", "--strict", "--json"]).arg(&file), LIMIT);
    serde_json::from_str(printed.trim()).unwrap_or_else(|e| panic!("{e}: {printed}"))
}

/// Nix, which keeps all that it writes below `home`.
#[must_use]
pub fn command(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, folder) in
        [("NIX_STORE_DIR", "store"), ("NIX_STATE_DIR", "state"), ("NIX_LOG_DIR", "log"), ("HOME", "home")]
    {
        command.env(name, home.join(folder));
    }
    command
}

const LIMIT: Duration = crate::process::PATIENCE;
