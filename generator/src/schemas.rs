//! The JSON Schemas of the files that people write, and of what `--json` prints.

use schemars::{JsonSchema, Schema};
use serde::Serialize;
use stringless_render::schema;

use crate::cli::SchemaArgs;
use crate::commands::{
    agent, build, check, diff, doctor, environments, gc, history, keys, list, mirror, modules, pin, policy,
    publish, render, verify,
};
use crate::error::{Error, Result};
use crate::output::{format, json, print, release, signed, trust_change};

/// A schema that `stringless schema` prints.
#[derive(Debug)]
pub struct Described {
    /// Its name.
    pub name: &'static str,
    /// The file, or the commands whose `--json` it describes.
    pub of: &'static str,
    /// The schema.
    pub schema: Schema,
}

/// Prints a schema, or the names of all.
///
/// # Errors
/// When there is none with this name.
pub fn run(args: &SchemaArgs) -> Result<u8> {
    let all = all()?;
    let Some(name) = &args.name else {
        let rows = all.iter().map(|one| vec![one.name.to_owned(), one.of.to_owned()]);
        let head = vec!["NAME".to_owned(), "OF".to_owned()];
        print::out(&format::table(&[head].into_iter().chain(rows).collect::<Vec<_>>()))?;
        return Ok(0);
    };
    let found = all.iter().find(|one| one.name == name).ok_or_else(|| {
        Error::usage(format!("looking for the schema `{name}`: there is none with this name"))
            .hint("`stringless schema` lists the names")
    })?;
    print::out(&text(&found.schema)?)?;
    Ok(0)
}

/// A schema as it is printed, and kept in files.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn text(schema: &Schema) -> Result<String> {
    let text = serde_json::to_string_pretty(schema);
    Ok(text.map_err(|e| Error::temporary(format!("writing JSON: {e}")))? + "\n")
}

/// Every schema: first those of files, then those of commands by name.
///
/// # Errors
/// When the embedded data of platforms is damaged.
pub fn all() -> Result<Vec<Described>> {
    Ok(vec![
        Described { name: "site", of: "stringless.yaml", schema: schema::site() },
        Described { name: "distro", of: "distros/ID.yaml", schema: schema::distro()? },
        Described { name: "cloud", of: "templates/clouds/ID.yaml", schema: schema::cloud() },
        printed::<agent::Report<'_>>("agent-push", "agent push"),
        printed::<build::Report<'_>>("build", "build"),
        printed::<check::Report>("check", "check"),
        printed::<diff::Report<'_>>("diff", "diff"),
        printed::<doctor::Report>("doctor", "doctor"),
        printed::<environments::Report>("environments-list", "environments list"),
        printed::<gc::Report<'_>>("gc", "gc"),
        printed::<history::Report<'_>>("history", "history"),
        printed::<trust_change::Report>(
            "keys",
            "keys add, keys remove, keys rotate, keys threshold, keys serial",
        ),
        printed::<keys::list::Report<'_>>("keys-list", "keys list"),
        printed::<list::Report<'_>>("list", "list"),
        printed::<mirror::Report<'_>>("mirror", "mirror"),
        printed::<modules::outdated::Report>("modules-outdated", "modules outdated"),
        printed::<modules::tree::Report<'_>>("modules-tree", "modules tree"),
        printed::<modules::update::Report<'_>>("modules-update", "modules update"),
        printed::<modules::why::Report<'_>>("modules-why", "modules why"),
        printed::<pin::Report<'_>>("pin", "pin"),
        printed::<policy::Report<'_>>("policy", "policy"),
        printed::<publish::Reports<'_>>("publish-all", "publish --all"),
        printed::<release::Report>("release", "publish, rollback, promote, environments retire"),
        printed::<render::Report<'_>>("render", "render"),
        printed::<render::check::Report<'_>>("render-check", "render --check"),
        printed::<signed::Report<'_>>("signed", "refresh, submit"),
        printed::<verify::Report>("verify", "verify"),
        printed::<verify::Document>("verify-file", "verify FILE"),
        node::<stringless_core::report::Report>("agent-run", "stringless-agent"),
        node::<stringless_core::status::Status>("agent-status", "stringless-agent status"),
        node::<stringless_core::diagnosis::Diagnosis>("agent-doctor", "stringless-agent doctor"),
    ])
}

/// The schema of what a command prints.
fn printed<T: Serialize + JsonSchema>(name: &'static str, of: &'static str) -> Described {
    let schema = json::schema::<T>(&format!("The output of `{} --json`", of.replace(", ", " --json`, `")));
    Described { name, of, schema }
}

/// The schema of what the agent prints.
fn node<T: Serialize + JsonSchema>(name: &'static str, of: &'static str) -> Described {
    Described { name, of, schema: json::growing::<T>(&format!("The output of `{of} --json`")) }
}
