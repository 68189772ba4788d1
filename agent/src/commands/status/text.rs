//! The status as text.

use stringless_core::history::{LayerRun, Run};
use stringless_core::state::Release;

use stringless_core::fleet::head::RolloutState;
use stringless_core::status::{HeadStatus, NextCheck, Pin, Status};

/// The status as text.
pub fn text(status: &Status) -> String {
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "none yet".to_owned());
    let release = |release: &Option<Release>| {
        or_none(release.as_ref().map(|r| format!("{} of {}", r.serial, r.environment)))
    };
    let previous = status.previous.map(|version| format!(" (before: {version})")).unwrap_or_default();
    let mut text = format!("agent       {}{previous}\nnode        {}\n", status.agent, status.node);
    if let Some(region) = &status.region {
        text += &format!("region      {region}\n");
    }
    if let Some((role, from)) = status.role.as_ref().zip(status.role_from) {
        text += &format!("role        {role}, from {}\n", from.as_str());
    }
    for (key, value) in status.labels.iter() {
        text += &format!("label       {key}={value}\n");
    }
    for schedule in &status.schedule {
        let enabled = if schedule.enabled { "" } else { ", not enabled" };
        text += &format!("schedule    {}, `{}`{enabled}\n", schedule.kind.as_str(), schedule.file);
    }
    if status.schedule.is_empty() {
        text += "schedule    none found: nothing starts the agent\n";
    }
    for (left, why) in [(&status.quarantined, "failed here"), (&status.unwritable, "cannot be installed")] {
        if let Some(left) = left {
            text += &format!("warning     agent {} {why} at {}: {}\n", left.version, left.at, left.reason);
        }
    }
    for warning in &status.warnings {
        text += &format!("warning     {warning}\n");
    }
    for layer in &status.layers {
        text += &format!("\n{} / {}\n", layer.site, layer.environment);
        for store in &layer.stores {
            text += &format!("  store     {store}\n");
        }
        text += &format!("  checked   {}\n", or_none(layer.checked.map(|time| time.to_string())));
        if let Some(NextCheck { earliest, latest }) = &layer.next_check {
            text += &format!("  next      check at {earliest}, at the latest {latest}\n");
        }
        text += &format!("  live      release {}\n", release(&layer.live));
        text += &format!("  last good release {}\n", release(&layer.last_good));
        text += &format!("  trust     version {}\n", layer.trust_version);
        if let Some(Pin { version, minimum }) = &layer.agent {
            text += &format!("  agent     {version} is published, {minimum} or newer is needed\n");
        }
        if let Some(head) = &layer.head {
            text += &format!("  head      {}\n", head_line(head));
        }
        if let Some(expires) = layer.expires {
            text += &format!("  expires   {expires}\n");
        }
        if let Some(applied) = &layer.state.applied {
            let how = if applied.ok { "succeeded" } else { "failed, or was cut off" };
            text += &format!("  applied   {} ({how})\n", applied.at);
        }
        for warning in &layer.warnings {
            text += &format!("  warning   {warning}\n");
        }
    }
    if let Some(last) = &status.last_run {
        text += &format!("\nlast run    {} (exit code {})\n", last.started, last.exit_code);
        for line in &last.warnings {
            text += &format!("  {line}\n");
        }
        for layer in &last.layers {
            if layer.noop {
                text += &format!("  {}: run with --noop, so nothing was applied\n", layer.site);
            }
            for line in layer.error.iter().chain(&layer.warnings) {
                text += &format!("  {}: {line}\n", layer.site);
            }
        }
    }
    if !status.runs.is_empty() {
        text += "\nruns that did something, or ended in another way than the run before\n";
    }
    for run in &status.runs {
        for layer in &run.layers {
            text += &line(run, layer);
        }
    }
    text
}

/// What the head says to this node, on one line.
fn head_line(head: &HeadStatus) -> String {
    let expires = head.expires.map(|expires| format!(", expires {expires}")).unwrap_or_default();
    let mut text = format!("version {}{expires}: release {} is stable", head.version, head.stable);
    let Some(next) = &head.next else { return text };
    let percent = |share: u16| format!("{}.{:02} %", share / 100, share % 100);
    let state = match next.state {
        RolloutState::Go => "goes on",
        RolloutState::Hold => "is held",
    };
    let reach =
        next.reach.map_or("no wave is open".to_owned(), |reach| format!("it reaches {}", percent(reach)));
    let here = if next.followed { "this node follows it" } else { "this node waits" };
    text += &format!("; release {} {state}, {reach}; {here}, at {}", next.serial, percent(next.place));
    next.why.iter().for_each(|why| text += &format!(" ({why})"));
    text
}

/// One layer of a run, on one line.
fn line(run: &Run, layer: &LayerRun) -> String {
    let serial = layer.serial.map_or_else(|| "no release".to_owned(), |serial| format!("release {serial}"));
    let noop = if layer.noop { ", with --noop" } else { "" };
    let why = layer.reason.iter().chain(&layer.error).map(|text| format!(": {text}")).collect::<String>();
    let outcome = layer.outcome.word();
    format!("  {} {}/{} {outcome}, {serial}{noop}{why}\n", run.started, layer.site, layer.environment)
}
