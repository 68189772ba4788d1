//! The `#cloud-config` form before the real cloud-init of each root.

use e2e::netns::Net;
use e2e::rendering::{BUCKET, SCRIPT, puppet_site, site};
use stringless_render::platform::Form;

use crate::shells::root::{Root, SH};
use crate::shells::{FOLDER, case};

const CHECK: &str = "cloud-init schema --config-file /cloud-config";

#[test]
fn the_schema_of_each_root_takes_it() {
    let keys = "node: {credentials: [instance_role, static]}\n";
    for case in [case(&site(FOLDER, SCRIPT, "")), case(&puppet_site(BUCKET, true, keys))] {
        for distro in case.platforms.distros.iter().filter(|distro| distro.name.starts_with("Debian ")) {
            let Some(root) = Root::new(distro, &Net::host()) else { return };
            for cloud in &case.platforms.clouds {
                let Ok(data) = case.render(&distro.id, &cloud.id, Form::CloudConfig) else { continue };
                root.write("cloud-config", &data.text, 0o600);
                let ended = root.run(SH, CHECK);
                assert_eq!(ended.code, 0, "{} {}: {}", distro.id, cloud.id, ended.printed);
                assert!(ended.printed.to_lowercase().contains("valid"), "{}", ended.printed);
            }
            // So that a schema that takes everything does not count.
            root.write("cloud-config", "#cloud-config\nruncmd: 5\n", 0o600);
            assert_ne!(root.run(SH, CHECK).code, 0, "{}", distro.id);
        }
    }
}
