//! The folders of modules: within the environment, each for one module only.

use std::collections::HashMap;

use super::problem::Problem;
use crate::puppetfile::model::Declared;

/// The folder `path` without `.` and `..`; empty for the environment itself.
pub(crate) fn inside(path: &str, key: &str, at: usize) -> Result<String, Problem> {
    let hint = "write a folder within the environment, as in 'site-modules'";
    if path.starts_with('/') {
        return Err(Problem::new(
            at,
            format!("`{key}` is an absolute path, not a folder in the environment"),
            hint,
        ));
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts
                    .pop()
                    .ok_or_else(|| Problem::new(at, format!("`{key}` leaves the environment"), hint))?;
            }
            _ => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

/// Checks that no two modules have the same name, that no two folders differ only in case, and that no folder is
/// within another. The error has the index of the module at fault.
pub(crate) fn apart(modules: &[Declared]) -> Result<(), (usize, String, String)> {
    let mut names: HashMap<&str, &Declared> = HashMap::new();
    let mut places: HashMap<String, &Declared> = HashMap::new();
    for (n, module) in modules.iter().enumerate() {
        if let Some(other) = names.insert(module.name(), module) {
            let what = format!("module `{}` is already declared in line {}", module.name(), other.line);
            return Err((
                n,
                what,
                "keep one of them: an environment can have only one module with this name".into(),
            ));
        }
        if let Some(other) = places.insert(module.path().to_lowercase(), module) {
            let what = format!("folder `{}` differs from `{}` only in case", module.path(), other.path());
            return Err((n, what, "give one of the modules another `install_path`".into()));
        }
    }
    for (n, module) in modules.iter().enumerate() {
        let path = module.path().to_lowercase();
        let mut above = path.match_indices('/').filter_map(|(end, _)| places.get(&path[..end]));
        if let Some(other) = above.next_back() {
            let what = format!(
                "folder `{}` lies within module `{}` of line {}",
                module.path(),
                other.title,
                other.line
            );
            return Err((n, what, "give one of the modules another `install_path`".into()));
        }
    }
    Ok(())
}
