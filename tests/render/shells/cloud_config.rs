//! The `#cloud-config` form before the real cloud-init of each root.

use std::collections::BTreeSet;

use e2e::netns::Net;
use e2e::rendering::{BUCKET, SCRIPT, puppet_site, site};
use e2e::tools;
use stringless_render::platform::Form;

use crate::shells::root::{Root, SH};
use crate::shells::{FOLDER, case};

/// The command `cloud-init schema` for each file of this folder, in one process: most of its time is its start.
const CHECK: &str = r#"cd /cloud-configs && python3 -c '
import os
from cloudinit.cmd.main import main
for file in sorted(os.listdir(".")):
    try:
        code = main(["cloud-init", "schema", "--config-file", file])
    except SystemExit as end:
        code = end.code
    print("ended:", file, code or 0, flush=True)
'"#;

#[test]
fn the_schema_of_each_root_takes_it() {
    let keys = "node: {credentials: [instance_role, static]}\n";
    let cases = [case(&site(FOLDER, SCRIPT, "")), case(&puppet_site(BUCKET, true, keys))];
    for distro in cases[0].platforms.distros.iter().filter(|distro| distro.name.starts_with("Debian ")) {
        if !distro.is_released() && tools::testing().is_none() {
            continue;
        }
        let Some(root) = Root::new(distro, &Net::host()) else { return };
        let mut expected = BTreeSet::new();
        let mut checked = |name: String, text: &str, ok: bool| {
            root.write(&format!("cloud-configs/{name}"), text, 0o600);
            expected.insert(format!("ended: {name} {}", i32::from(!ok)));
        };
        // So that a schema that takes everything does not count.
        checked("wrong".into(), "#cloud-config\nruncmd: 5\n", false);
        for (n, case) in cases.iter().enumerate() {
            for cloud in &case.platforms.clouds {
                let Ok(data) = case.render(&distro.id, &cloud.id, Form::CloudConfig) else { continue };
                checked(format!("{}-{n}", cloud.id), &data.text, true);
            }
        }
        let ran = root.run(SH, CHECK);
        assert_eq!(ran.code, 0, "{}: {}", distro.id, ran.printed);
        let ended = ran.printed.lines().filter(|line| line.starts_with("ended: ")).map(str::to_owned);
        assert_eq!(ended.collect::<BTreeSet<_>>(), expected, "{}: {}", distro.id, ran.printed);
        assert!(expected.len() > cases[0].platforms.clouds.len(), "{}", distro.id);
    }
}
