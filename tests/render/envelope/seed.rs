//! NoCloud volumes: the folder and the image hold the same files.

use std::fs;
use std::process::Command;

use e2e::process::{both, run};
use e2e::tools;
use stringless_render::embed::Seed;
use stringless_render::platform::Encoding;
use stringless_render::render;
use stringless_render::request::{Tool, UserData};

use crate::envelope::{LIMIT, case, piped, request};

#[test]
fn the_image_is_read_by_the_usual_tools() {
    let Some(isoinfo) = tools::program("isoinfo") else { return };
    let case = case();
    let folder = tempfile::tempdir().unwrap();
    for (n, encoding) in [Encoding::Plain, Encoding::Gzip].into_iter().enumerate() {
        let request = request(&case, "nocloud", None, Some(Tool::Seed), Some(encoding)).unwrap();
        let data = render(&request).unwrap();
        let seed = Seed::new(&data, Some("node-7")).unwrap();
        let image = folder.path().join(format!("{n}.iso"));
        fs::write(&image, seed.iso()).unwrap();
        let read = |args: &[&str]| piped(Command::new(&isoinfo).args(args).arg("-i").arg(&image), b"");
        let facts = String::from_utf8(read(&["-d"])).unwrap();
        assert!(facts.contains("Volume id: cidata\n") && facts.contains("Rock Ridge signatures"), "{facts}");
        assert_eq!(String::from_utf8(read(&["-R", "-f"])).unwrap(), "/meta-data\n/user-data\n");
        assert_eq!(read(&["-R", "-x", "/user-data"]), data.encoded());
        assert_eq!(read(&["-R", "-x", "/meta-data"]), b"instance-id: node-7\n");
        // Without Rock Ridge the names are there, too.
        assert_eq!(String::from_utf8(read(&["-f"])).unwrap(), "/META_DATA.;1\n/USER_DATA.;1\n");
        let blkid = run(Command::new("blkid").args(["-o", "export", "-p"]).arg(&image), LIMIT);
        assert!(both(&blkid).contains("LABEL=cidata\n"), "{}", both(&blkid));
        assert_eq!(seed.iso(), Seed::new(&data, Some("node-7")).unwrap().iso());
    }
}

#[test]
fn sizes_around_a_sector_stay_whole() {
    let Some(isoinfo) = tools::program("isoinfo") else { return };
    let case = case();
    let request = request(&case, "nocloud", None, Some(Tool::Seed), None).unwrap();
    let data = render(&request).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for size in [1, 2047, 2048, 2049, 70_000] {
        let data = UserData { text: "x".repeat(size), ..data.clone() };
        let image = folder.path().join(format!("{size}.iso"));
        fs::write(&image, Seed::new(&data, None).unwrap().iso()).unwrap();
        let read = piped(Command::new(&isoinfo).args(["-R", "-x", "/user-data", "-i"]).arg(&image), b"");
        assert_eq!(read, data.text.as_bytes(), "{size}");
    }
}

#[test]
fn a_machine_is_named_by_what_it_gets_or_by_hand() {
    let case = case();
    let request = request(&case, "nocloud", None, Some(Tool::Seed), None).unwrap();
    let data = render(&request).unwrap();
    let made = Seed::new(&data, None).unwrap().instance_id;
    assert_eq!(made, Seed::new(&data, None).unwrap().instance_id);
    let other = UserData { text: "#!/bin/sh\n".into(), ..data.clone() };
    assert_ne!(made, Seed::new(&other, None).unwrap().instance_id);
    let long = "a".repeat(65);
    for bad in ["", "a b", "1a", "-a", "a\nb: c", "a:b", "\u{e9}", "'", &long] {
        let fault = Seed::new(&data, Some(bad)).unwrap_err();
        assert!(fault.message.contains("it is not allowed"), "{bad:?}: {fault}");
    }
}
