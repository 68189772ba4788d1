//! Where each encoding goes: what a console or a program would encode once more is sent elsewhere.

use stringless_render::embed::source;
use stringless_render::platform::{Encoding, Form, Platforms};
use stringless_render::render;
use stringless_render::request::{Request, Tool};

use crate::envelope::{case, request};

/// The fields and commands that make base64 of what they are given, and those that take text alone.
const ENCODERS: [&str; 5] = ["--custom-data", "--cloud-init FILE", "exo ", "Deploy Server", "Add User Data"];

#[test]
fn base64_goes_where_nothing_encodes_again() {
    let case = case();
    let mut seen = 0;
    for cloud in &case.platforms.clouds {
        for encoding in [Encoding::Gzip, Encoding::Base64, Encoding::GzipBase64] {
            let Ok(request) = request(&case, &cloud.id, None, None, Some(encoding)) else { continue };
            // Where no text is expected in the first place, or where it is the boot agent that decodes.
            let as_it_is = cloud.paste_encoded.is_empty();
            let place = render(&request).unwrap().explain(&request, "u").paste_into;
            if as_it_is {
                let printed =
                    !cloud.base64_for.is_empty() || cloud.seed || cloud.paste.contains("{encoding}");
                let (id, encoding) = (&cloud.id, encoding.as_str());
                assert!(
                    printed,
                    "{id}: paste_encoded: does \"{place}\" leave {encoding} as it is? If not, what does?"
                );
                continue;
            }
            assert!(place != cloud.paste_into, "{} {}: {place}", cloud.id, encoding.as_str());
            let printed = place.split("; not ").next().unwrap();
            assert!(!ENCODERS.iter().any(|one| printed.contains(one)), "{}: {place}", cloud.id);
            seen += 1;
        }
    }
    assert!(seen >= 14, "{seen}");
    for cloud in &case.platforms.clouds {
        let known = cloud.paste_encoded.keys().all(|one| cloud.encodings.contains(one));
        assert!(known && !cloud.paste_encoded.contains_key(&Encoding::Plain), "{}", cloud.id);
    }
}

#[test]
fn the_key_that_makes_it_decode_is_named() {
    let case = case();
    for encoding in [Encoding::Base64, Encoding::GzipBase64] {
        let request = request(&case, "gce", Some(Form::Mime), None, Some(encoding)).unwrap();
        let place = render(&request).unwrap().explain(&request, "u").paste_into;
        assert!(place.contains("user-data-encoding with the value base64"), "{place}");
        let request = crate::envelope::request(&case, "aws", None, None, Some(encoding)).unwrap();
        let place = render(&request).unwrap().explain(&request, "u").paste_into;
        assert!(place.contains("tick"), "{place}");
    }
    let plain = request(&case, "gce", Some(Form::Mime), None, None).unwrap();
    let place = render(&plain).unwrap().explain(&plain, "u").paste_into;
    assert!(place.ends_with("the value of the key user-data"), "{place}");
}

#[test]
fn what_is_for_one_boot_agent_is_not_said_to_another() {
    let case = case();
    let printed = |distro: &str| {
        let (distro, cloud) =
            (case.platforms.distro(distro).unwrap(), case.platforms.cloud("vmware").unwrap());
        let request = case.request(distro, cloud, None).unwrap();
        let data = render(&request);
        // Packages cannot be installed there.
        let data = data.or_else(|_| {
            let site = e2e::rendering::site(e2e::rendering::BUCKET, e2e::rendering::SCRIPT, "");
            let site = stringless_render::site::Site::parse(&site, "stringless.yaml").unwrap();
            render(&Request { site: &site, ..request.clone() })
        });
        data.unwrap().explain(&request, "node")
    };
    let (scripted, ignited) = (printed("debian-12"), printed("flatcar"));
    assert!(scripted.paste.contains("-f guestinfo.userdata=\"$PWD/node\" "), "{}", scripted.paste);
    assert!(ignited.paste.contains("-f guestinfo.ignition.config.data=\"$PWD/node\" "), "{}", ignited.paste);
    for explain in [&scripted, &ignited] {
        assert!(explain.paste.contains(".encoding=base64") && !explain.paste.contains("cat "));
    }
    assert!(scripted.notes.iter().any(|note| note.contains("guestinfo.metadata")), "{:?}", scripted.notes);
    assert!(!ignited.notes.iter().any(|note| note.contains("cloud-init")), "{:?}", ignited.notes);
}

#[test]
fn terraform_is_handed_what_its_provider_leaves_alone() {
    let platforms = Platforms::embedded().unwrap();
    let ignition = platforms.boot_agents.iter().find(|agent| agent.id == "ignition").unwrap();
    let cloud = platforms.cloud("exoscale").unwrap();
    let taken =
        stringless_render::encoding::encoding(Some(Tool::Terraform), cloud, ignition, Form::Ignition, None);
    // Some versions of that provider pack plain text, and Ignition unpacks nothing.
    assert_eq!(taken.unwrap(), Encoding::Base64);
    let plain = stringless_render::encoding::encoding(
        Some(Tool::Terraform),
        cloud,
        ignition,
        Form::Ignition,
        Some(Encoding::Plain),
    );
    assert!(plain.is_err());
}

#[test]
fn a_resource_that_is_no_machine_says_what_refers_to_it() {
    let case = case();
    for (cloud, printed) in
        [("proxmox", "user_data_file_id = proxmox_virtual_environment_file.node.id"), ("aws", "image, size")]
    {
        let request = request(&case, cloud, None, Some(Tool::Terraform), None).unwrap();
        let text = source(&request, &render(&request).unwrap(), Tool::Terraform, None).unwrap();
        let resource = text.split_once("\nresource ").unwrap().1;
        assert!(resource.contains(printed), "{resource}");
        let snippet = ["content_type = \"snippets\"", "datastore_id = ", "node_name "];
        assert!(snippet.iter().all(|line| resource.contains(line) == (cloud == "proxmox")), "{resource}");
        assert_eq!(resource.contains("image, size"), cloud != "proxmox", "{resource}");
    }
}

#[test]
fn a_system_without_scripts_is_named() {
    let case = case();
    for (distro, cloud) in [("flatcar", "aws"), ("nixos", "aws")] {
        let (distro, cloud) = (case.platforms.distro(distro).unwrap(), case.platforms.cloud(cloud).unwrap());
        let plain = case.request(distro, cloud, None).unwrap();
        for tool in [Tool::Packer, Tool::Curl] {
            let fault =
                stringless_render::encoding::encoding(Some(tool), cloud, plain.boot, plain.form, None)
                    .unwrap_err();
            let hint = fault.hint.clone().unwrap();
            assert!(fault.message.contains("runs none") && !hint.contains("--form"), "{fault}: {hint}");
        }
    }
}
