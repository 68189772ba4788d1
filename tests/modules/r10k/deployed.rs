//! What lies in an environment after a deployment, and what we would put there.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use stringless::modules::{Assemble, assemble};
use stringless::progress::Progress;
use stringless::puppetfile::Puppetfile;
use stringless_archive::writer::ItemKind;
use stringless_core::hash::Sha256;

use super::Case;
use super::judge::Judged;
use super::world::World;

/// By path: whether it is executable, and the hash of its content; or where a link leads.
pub type Files = BTreeMap<String, String>;

/// What we make of a case: its own files, and its modules.
pub fn ours(world: &World, case: &Case) -> Judged {
    let text = world.puppetfile(case);
    let printed = |message: String, hint: Option<&str>| format!("{message}\n{}", hint.unwrap_or_default());
    let puppetfile = Puppetfile::parse(&text, "Puppetfile").map_err(|fault| {
        assert!(fault.hint.is_some(), "{}: no hint", fault.message);
        printed(fault.message, fault.hint.as_deref())
    })?;
    let cache = world.path("ours");
    let modules = assemble(&Assemble {
        cache: &cache,
        puppetfile: &puppetfile,
        origin: "Puppetfile",
        lock: None,
        lock_required: false,
        forge: Some(&world.forge.url()),
        ca: None,
        control_branch: Some(&case.name),
        offline: false,
        known: &|_| false,
        published: None,
        with_dependencies: false,
        progress: &Progress::new(),
    })
    .map_err(|error| printed(error.to_string(), error.hint_text()))?;
    let mut files = Files::from([("Puppetfile".to_owned(), file(false, text.as_bytes()))]);
    files.extend(case.files.iter().map(|(path, text)| (path.clone(), file(false, text.as_bytes()))));
    for module in modules {
        for item in module.items().map_err(|error| error.to_string())? {
            let printed = match &item.kind {
                ItemKind::Folder => continue,
                ItemKind::File { executable, content } => file(*executable, content),
                ItemKind::Link { target } => format!("-> {target}"),
            };
            files.insert(format!("{}/{}", module.path, item.path), printed);
        }
    }
    Ok(files)
}

/// What lies below a folder, but for what the tools keep for themselves.
pub fn files(folder: &Path) -> Files {
    let mut found = Files::new();
    walk(folder, "", &mut found);
    found
}

fn walk(folder: &Path, below: &str, found: &mut Files) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if [".git", ".r10k-deploy.json", ".g10k-deploy.json", ".latest_commit"].contains(&name.as_str()) {
            continue;
        }
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        let metadata = entry.metadata().unwrap();
        if metadata.is_dir() {
            walk(&entry.path(), &path, found);
        } else if metadata.is_symlink() {
            found.insert(path, format!("-> {}", fs::read_link(entry.path()).unwrap().display()));
        } else {
            let executable = metadata.permissions().mode() & 0o100 != 0;
            found.insert(path, file(executable, &fs::read(entry.path()).unwrap()));
        }
    }
}

fn file(executable: bool, content: &[u8]) -> String {
    format!("{}{}", if executable { "x " } else { "" }, Sha256::of(content))
}

/// Lines for what stands in one only, or otherwise.
pub fn differences(ours: &Files, theirs: &Files) -> Vec<String> {
    let lines = |sign: char, these: &Files, others: &Files| {
        let only = these.iter().filter(|(path, printed)| others.get(*path) != Some(*printed));
        only.map(|(path, printed)| format!("{sign} {path} {printed}")).collect::<Vec<_>>()
    };
    [lines('-', ours, theirs), lines('+', theirs, ours)].concat()
}
