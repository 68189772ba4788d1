//! Manifests and EPP templates, checked by Puppet's own parser.

use std::num::NonZero;
use std::path::Path;
use std::thread;

use serde_json::Value;

use super::Fault;
use super::tool::{Said, Tool, laid_out};
use crate::parallel;

/// The faults of each manifest; `tasks`: they are plans.
///
/// # Errors
/// Why Puppet could not check them.
pub fn manifests(tool: &Tool, tasks: bool, contents: &[Vec<u8>]) -> Result<Vec<Vec<Fault>>, String> {
    let mut command = vec!["parser", "validate", "--render-as", "json"];
    command.extend(tasks.then_some("--tasks"));
    by_parts(contents, |part| {
        let (said, mut faults) = run(tool, &command, part, "pp")?;
        // The JSON has the fault of a file with one fault. For a file with several, it only says that there are some.
        let report = said.out.find('{').and_then(|at| serde_json::from_str::<Value>(&said.out[at..]).ok());
        for (file, fault) in report.as_ref().and_then(Value::as_object).into_iter().flatten() {
            let of = index(file).and_then(|n| faults.get_mut(n)).filter(|known| known.is_empty());
            if let (Some(known), Some(message)) = (of, fault["message"].as_str()) {
                known.push(Fault { path: None, line: fault["line"].as_u64(), message: message.to_owned() });
            }
        }
        // An old Puppet stops at the first fault, and prints no JSON.
        settled(&said, faults, report.is_some())
    })
}

/// The faults of each template.
///
/// # Errors
/// Why Puppet could not check them.
pub fn templates(tool: &Tool, contents: &[Vec<u8>]) -> Result<Vec<Vec<Fault>>, String> {
    let command = ["epp", "validate", "--continue_on_error"];
    by_parts(contents, |part| {
        let (said, faults) = run(tool, &command, part, "epp")?;
        let some = faults.iter().any(|of| !of.is_empty());
        settled(&said, faults, some)
    })
}

/// Runs several Puppets in parallel for many files: starting one takes longer than checking a hundred files.
fn by_parts(
    contents: &[Vec<u8>],
    work: impl Fn(&[Vec<u8>]) -> Result<Vec<Vec<Fault>>, String> + Sync,
) -> Result<Vec<Vec<Fault>>, String> {
    let cpus = thread::available_parallelism().map_or(1, NonZero::get);
    let size = contents.len().div_ceil(cpus).clamp(AT_LEAST, AT_MOST);
    let parts: Vec<&[Vec<u8>]> = contents.chunks(size).collect();
    let found = parallel::map(&parts, cpus, |part| Ok(work(part))).map_err(|e| e.to_string())?;
    Ok(found.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
}

fn run(
    tool: &Tool,
    command: &[&str],
    contents: &[Vec<u8>],
    extension: &str,
) -> Result<(Said, Vec<Vec<Fault>>), String> {
    let (folder, names) = laid_out(contents, extension)?;
    let at = |name: &str| folder.path().join(name).display().to_string();
    let mut arguments: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
    // Puppet reads neither the workstation's own configuration nor code of any module.
    for setting in ["confdir", "codedir", "vardir"] {
        arguments.extend([format!("--{setting}"), at(setting)]);
    }
    arguments.extend(["--color".into(), "false".into()]);
    arguments.extend(names.iter().map(|name| at(name)));
    let said = tool.run(folder.path(), &arguments)?;
    let mut faults = vec![Vec::new(); contents.len()];
    for line in said.err.lines() {
        if let Some((n, fault)) = located(line)
            && let Some(of) = faults.get_mut(n)
        {
            of.push(fault);
        }
    }
    Ok((said, faults))
}

/// The faults, if Puppet passed all files or named the faulty ones; `whole` if its report is complete.
fn settled(said: &Said, faults: Vec<Vec<Fault>>, whole: bool) -> Result<Vec<Vec<Fault>>, String> {
    if said.success || whole && faults.iter().any(|of| !of.is_empty()) {
        return Ok(faults);
    }
    let why = said.err.lines().chain(said.out.lines()).find(|line| !line.trim().is_empty());
    Err(format!("Puppet says: {}", why.unwrap_or("nothing, but it failed")))
}

/// Parses `Error: … (file: /tmp/x/3.pp, line: 2, column: 1)`: the number of the file, and the fault.
fn located(line: &str) -> Option<(usize, Fault)> {
    let line = line.strip_prefix("Error: ")?;
    let (message, place) = line.rsplit_once(" (file: ")?;
    let place = place.strip_suffix(')')?;
    let (file, rest) = place.split_once(", line: ").unwrap_or((place, ""));
    let number = rest.split(',').next().and_then(|number| number.parse().ok());
    let message = message.strip_prefix(PREFIX).unwrap_or(message).to_owned();
    Some((index(file)?, Fault { path: None, line: number, message }))
}

/// The number in the name of a file of [`laid_out`].
fn index(file: &str) -> Option<usize> {
    Path::new(file).file_stem()?.to_str()?.parse().ok()
}

const AT_LEAST: usize = 60;
const AT_MOST: usize = 400;
/// The start of Puppet's messages, which adds nothing here.
const PREFIX: &str = "Could not parse for environment production: ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_and_line_are_parsed_from_puppets_messages() {
        let report = "Error: Could not parse for environment production: Syntax error at '}' (file: /tmp/a b/3.pp, line: 12, column: 1)";
        let fault = |line, message: &str| Fault { path: None, line, message: message.into() };
        assert_eq!(located(report), Some((3, fault(Some(12), "Syntax error at '}'"))));
        assert_eq!(
            located("Error: Syntax error at end of input (file: /x/0.epp)"),
            Some((0, fault(None, "Syntax error at end of input")))
        );
        assert_eq!(
            located("Error: a (file: x) b (file: /x/7.pp, line: 2)"),
            Some((7, fault(Some(2), "a (file: x) b")))
        );
        for other in
            ["Warning: x (file: /x/3.pp, line: 1)", "Error: Try again", "Error: x (file: none.pp)", ""]
        {
            assert_eq!(located(other), None);
        }
    }
}
