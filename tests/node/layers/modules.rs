//! Modules of several layers, composed for the real `puppet apply`: earlier ones come first.

use e2e::forge::name;
use e2e::tools;
use serde_json::json;
use stringless_core::manifest::Manifest;

use crate::layers::Stack;

/// Writes the owner's name to the given place.
fn shared(whose: &str) -> String {
    format!("class shared($at) {{ file {{ \"${{facts['out']}}/shared.$at\": content => '{whose}' }} }}\n")
}

/// The provider's base: a module, and a manifest that uses it.
fn base(stack: &Stack, serial: u64, whose: &str, data: &str) -> Manifest {
    let site = "class { 'shared': at => 'base' }\n";
    stack.manifests(
        "base",
        serial,
        &[
            ("modules/shared", &[("manifests/init.pp", &shared(whose))]),
            ("manifests", &[("site.pp", site)]),
            ("data", &[("common.yaml", data)]),
        ],
    )
}

/// The client's own: a module of the same name, one that uses it, and settings of its environment.
fn client(stack: &Stack, serial: u64, own: &str) -> Manifest {
    let conf = "modulepath = site:$basemodulepath\nmanifest = start/here.pp\nconfig_version = bin/version\n";
    // Every run that sees the client's module runs its fact.
    let fact = "File.open(ENV['FACTER_out'] + '/loaded', 'a') { |f| f.puts Puppet[:environmentpath] }\n\
                Facter.add('whose') { setcode { 'client' } }\n";
    let version = "#!/bin/sh\necho asked >\"$FACTER_out/version\"\necho v1\n";
    stack.manifests(
        "client",
        serial,
        &[
            ("", &[("environment.conf", conf)]),
            ("bin", &[("version", version)]),
            ("start", &[("here.pp", "include own\nclass { 'shared': at => 'client' }\n")]),
            ("site/own", &[("manifests/init.pp", own), ("lib/facter/whose.rb", fact)]),
            ("site/shared", &[("manifests/init.pp", &shared("the client"))]),
        ],
    )
}

const OWN: &str = "class own { file { \"${facts['out']}/own\": content => $facts['whose'] } }\n";

#[test]
fn earlier_layers_override_later_ones_and_see_nothing_of_them() {
    if tools::program("puppet").is_none() {
        return;
    }
    let Some(stack) = Stack::for_puppet() else { return };
    stack.base.publish(&base(&stack, 1, "the provider", "a: 1\n"));
    stack.client.publish(&client(&stack, 1, OWN));
    stack.run(&["--once"]).expect(0);
    // A client's release that shadows the provider's module does so in no run.
    assert_eq!(stack.managed("shared.base").as_deref(), Some("the provider"));
    assert_eq!(stack.managed("shared.client").as_deref(), Some("the provider"));
    // The settings of its environment.conf hold over other layers, too; config_version is not run.
    assert_eq!(stack.managed("own").as_deref(), Some("client"));
    assert_eq!(stack.managed("version"), None);
    // The client's Ruby was loaded by the client's run alone.
    let loaded = stack.managed("loaded").unwrap();
    assert!(loaded.lines().all(|line| line.contains("/layers/client/releases/")), "{loaded}");
    let report = stack.report();
    assert_eq!(report["layers"][0].get("over"), None);
    assert_eq!(report["layers"][1]["over"][0]["site"], "base");
    assert_eq!(report["layers"][1]["over"][0]["release"]["serial"], 1);

    // What the later one composes has not changed: it is left alone.
    stack.base.publish(&base(&stack, 2, "the provider", "a: 2\n"));
    stack.run(&["--once"]).expect(0);
    let report = stack.report();
    assert_eq!(
        (&report["layers"][0]["reason"], &report["layers"][1]["reason"]),
        (&json!("new release"), &json!(null))
    );

    // It has: the later one follows in the same run, though nothing of its own is new or due.
    let mut config: serde_json::Value =
        serde_json::from_str(&stack.node.read("etc/stringless/agent.json").unwrap()).unwrap();
    config["layers"][1]["interval"] = json!(86_400);
    stack.node.configure(&config);
    std::fs::remove_file(stack.state("layers/base/checked")).unwrap();
    stack.base.publish(&base(&stack, 3, "the provider, again", "a: 2\n"));
    stack.run(&["--once", "--due"]).expect(0);
    let report = stack.report();
    assert_eq!(report["layers"][1]["reason"], "modules of an earlier layer changed", "{report}");
    assert_eq!(stack.managed("shared.client").as_deref(), Some("the provider, again"));
    assert_eq!(stack.managed("shared.base").as_deref(), Some("the provider, again"));

    // A client that breaks its own run breaks no other's; one that lacks its base says what is missing.
    stack.client.publish(&client(&stack, 2, "class own {"));
    stack.base.publish(&base(&stack, 4, "the provider", "a: 2\n"));
    let run = stack.run(&["--once"]).expect(4);
    assert!(format!("{}{}", run.out, run.err).contains("Syntax error"), "{}{}", run.out, run.err);
    assert_eq!(stack.managed("shared.base").as_deref(), Some("the provider"));
    assert_eq!((stack.live("base"), stack.live("client")), ("4".into(), "2".into()));
}

#[test]
fn the_settings_of_environment_conf_hold_where_there_is_one_site() {
    if tools::program("puppet").is_none() {
        return;
    }
    let Some(stack) = Stack::for_puppet() else { return };
    let mut config: serde_json::Value =
        serde_json::from_str(&stack.node.read("etc/stringless/agent.json").unwrap()).unwrap();
    config["layers"].as_array_mut().unwrap().remove(0);
    stack.node.configure(&config);
    stack.client.publish(&client(&stack, 1, OWN));
    stack.run(&["--once"]).expect(0);
    // manifest and modulepath, neither of them as it would be without the file; config_version is not run.
    assert_eq!(stack.managed("own").as_deref(), Some("client"));
    assert_eq!(stack.managed("shared.client").as_deref(), Some("the client"));
    assert_eq!(stack.managed("version"), None);
    assert_eq!(stack.report()["layers"][0].get("over"), None);
}

#[test]
fn noop_shows_what_puppet_would_do_over_the_layers_as_they_would_be() {
    if tools::program("puppet").is_none() {
        return;
    }
    let Some(stack) = Stack::for_puppet() else { return };
    stack.base.publish(&base(&stack, 1, "the provider", "a: 1\n"));
    let mut branch = client(&stack, 1, OWN);
    branch.environment = name("feature_x");
    stack.client.publish(&branch);
    let args = ["--once", "--noop", "--environment", "client/feature_x", "--json"];
    let run = stack.run(&args).expect(0);
    // Neither was ever live: the client's is looked at over the base that would be.
    let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    let client = &report["layers"][1];
    assert_eq!((&client["environment"], &client["live"]), (&json!("feature_x"), &json!(null)));
    assert_eq!(client["over"][0]["release"]["serial"], 1);
    let output = client["output"].as_str().unwrap();
    assert!(output.contains("/Stage[main]/Shared/File[") && output.contains("(noop)"), "{output}");
    assert_eq!((stack.managed("shared.base"), stack.managed("shared.client")), (None, None));
    assert_eq!((stack.live("base"), stack.live("client")), (String::new(), String::new()));
}
