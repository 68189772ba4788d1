//! Folders of state and of the system that are not as usual: a damaged configuration, foreign files, links.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use e2e::tools;
use serde_json::json;
use stringless_core::hash::Sha256;

use super::{PROGRAM, STATE, all, assert_gone, installed};

#[test]
fn without_a_usable_configuration_the_usual_folders_count() {
    let Some(agent) = tools::agent() else { return };
    for (text, why) in [
        (None, "there is no such file"),
        (Some("{\"state_dir\": "), "EOF while parsing"),
        (Some(""), "EOF while parsing"),
        (Some("{\"format\": 99, \"other\": true}"), ""),
    ] {
        let node = installed(agent.clone());
        match text {
            Some(text) => node.write("etc/stringless/agent.json", text),
            None => fs::remove_file(node.root().join("etc/stringless/agent.json")).unwrap(),
        }
        let run = node.run(&["uninstall"]).expect(0);
        assert!(run.err.contains(why) && run.err.is_empty() == why.is_empty(), "{}", run.err);
        assert_gone(&node, why);
    }
}

#[test]
fn another_folder_of_state_is_cleared_of_what_is_the_agents_own() {
    let Some(agent) = tools::agent() else { return };
    let node = installed(agent);
    node.write("etc/stringless/agent.json", "{\"state_dir\": \"/srv/data\"}");
    let hash = Sha256::of(b"").to_string();
    for path in ["lock", "node", "layers/example/state.json", &format!("packs/{hash}"), "packs/mine", "mine"]
    {
        node.write(&format!("srv/data/{path}"), "");
    }
    fs::set_permissions(node.root().join("srv/data"), fs::Permissions::from_mode(0o700)).unwrap();
    let run = node.run(&["uninstall"]).expect(0);
    assert_gone(&node, &run.out);
    assert!(run.out.contains("/srv/data`: it holds other files: mine, packs\n"), "{}", run.out);
    let left: Vec<String> = all(&node).into_iter().filter(|path| path.starts_with("srv/")).collect();
    assert_eq!(left, ["srv/data/mine", "srv/data/packs/mine"]);
}

#[test]
fn a_folder_of_the_system_is_not_cleared() {
    let Some(agent) = tools::agent() else { return };
    for folder in ["/", "/srv", "/srv/.", "/srv/x/..", "srv/x"] {
        let node = installed(agent.clone());
        node.write("etc/stringless/agent.json", &json!({ "state_dir": folder }).to_string());
        for below in ["", "srv", "srv/x"] {
            node.write(format!("{below}/lock").trim_start_matches('/'), "");
            node.write(format!("{below}/layers/x/state.json").trim_start_matches('/'), "");
        }
        let run = node.run(&["uninstall"]).expect(1);
        let why = format!("the folder of state `{folder}`");
        assert!(run.err.contains(&why) && run.err.contains("hint: the program stays"), "{}", run.err);
        assert!(node.root().join("layers/x/state.json").exists(), "{folder}");
        assert!(node.root().join("srv/layers/x/state.json").exists(), "{folder}");
        assert!(node.root().join("srv/x/layers/x/state.json").exists(), "{folder}");
        // All the rest went, but the program, which is needed once more.
        assert!(node.root().join(PROGRAM).exists() && !node.root().join("etc/stringless").exists());
        assert!(!node.root().join("etc/systemd/system/stringless.timer").exists());
        node.run(&["uninstall"]).expect(0);
        assert!(!node.root().join(PROGRAM).exists());
    }
}

#[test]
fn no_link_is_followed() {
    let Some(agent) = tools::agent() else { return };
    let elsewhere = tempfile::tempdir().unwrap();
    let hash = Sha256::of(b"").to_string();
    let other = |path: &str| {
        let file = elsewhere.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "").unwrap();
        file
    };
    // Links in the agent's own folders go; what they lead to stays.
    let node = installed(agent.clone());
    let kept = [other(&format!("packs/{hash}")), other("layer/state.json"), other("unit")];
    let at = |path: &str| node.root().join(path);
    fs::remove_dir_all(at(&format!("{STATE}/packs"))).unwrap();
    symlink(elsewhere.path().join("packs"), at(&format!("{STATE}/packs"))).unwrap();
    symlink(elsewhere.path().join("layer"), at(&format!("{STATE}/layers/link"))).unwrap();
    fs::remove_file(at("etc/systemd/system/stringless.timer")).unwrap();
    symlink(elsewhere.path().join("unit"), at("etc/systemd/system/stringless.timer")).unwrap();
    node.run(&["uninstall"]).expect(0);
    assert_gone(&node, "links in the folders");
    assert!(kept.iter().all(|file| file.exists()));

    // A folder of the system that leads out of the root.
    let node = installed(agent);
    let outside = other("units/stringless.timer");
    fs::remove_dir_all(node.root().join("etc/cron.d")).unwrap();
    symlink(elsewhere.path().join("cron.d"), node.root().join("etc/cron.d")).unwrap();
    other("cron.d/stringless");
    let run = node.run(&["uninstall"]).expect(1);
    assert!(
        run.err.contains("/etc/cron.d/stringless`: a link leads out of the folder of --root"),
        "{}",
        run.err
    );
    assert!(outside.exists() && elsewhere.path().join("cron.d/stringless").exists());
    // It might start the agent again, which still needs all that it has.
    assert!(node.root().join(PROGRAM).exists() && node.root().join(STATE).join("layers").exists());
}

/// As the form `bootcmd` leaves it where programs cannot be executed below `/var`: it is a link.
#[test]
fn the_state_may_be_behind_a_link() {
    let Some(agent) = tools::agent() else { return };
    for stays in [false, true] {
        let node = installed(agent.clone());
        let [state, real] = [STATE, "usr/local/lib/stringless"].map(|path| node.root().join(path));
        fs::create_dir_all(real.parent().unwrap()).unwrap();
        fs::rename(&state, &real).unwrap();
        symlink("../../usr/local/lib/stringless", &state).unwrap();
        if stays {
            node.write(&format!("{STATE}/bootstrapped"), "boot-0123456789a\n");
        }
        node.run(&["uninstall"]).expect(0);
        assert_eq!(state.join("bootstrapped").exists(), stays);
        if !stays {
            assert_gone(&node, "a link");
        }
        assert_eq!((state.is_symlink(), real.exists()), (stays, stays));
    }
}

#[test]
fn a_system_that_is_built_from_a_description_is_refused() {
    let Some(agent) = tools::agent() else { return };
    let node = installed(agent);
    let units = node.root().join("etc/systemd/system");
    fs::create_dir(node.root().join("store")).unwrap();
    fs::rename(&units, node.root().join("store/system")).unwrap();
    symlink("../../store/system", &units).unwrap();
    let before = all(&node);
    let run = node.run(&["uninstall"]).expect(1);
    assert!(run.err.contains("the units are part of the system's own configuration"), "{}", run.err);
    assert_eq!(all(&node), before);
    // Without the module, the rest can go.
    fs::remove_dir_all(node.root().join("store/system")).unwrap();
    fs::create_dir(node.root().join("store/system")).unwrap();
    node.run(&["uninstall"]).expect(0);
    assert_gone(&node, "without the module");
}
