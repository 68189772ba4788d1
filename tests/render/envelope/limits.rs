//! Limits: the largest that fits goes through, one byte more is refused with what to drop.

use stringless_render::envelope::Attachment;
use stringless_render::platform::{Counts, Encoding, Form};
use stringless_render::request::{Request, Tool};
use stringless_render::{encoding, render};

use crate::envelope::{case, request};

#[test]
fn one_byte_over_the_limit_is_refused() {
    let case = case();
    let mut seen = 0;
    for cloud in case.platforms.clouds.iter().filter(|cloud| cloud.forms.is_empty()) {
        let Some(max) = cloud.max_bytes else { continue };
        let plain = request(&case, &cloud.id, Some(Form::Mime), None, None).unwrap();
        let one = |size: usize| [padded(size)];
        // The raw bytes that the limit leaves room for.
        let room = match (cloud.counts, plain.encoding.is_base64()) {
            (Counts::Raw, _) | (Counts::Text, false) => max,
            (Counts::Base64, _) | (Counts::Text, true) => max / 4 * 3,
        };
        let smallest = one(100);
        let bare = render(&Request { with: &smallest, ..plain.clone() }).unwrap().text.len() - 100;
        let fits = one(room - bare);
        let data = render(&Request { with: &fits, ..plain.clone() }).unwrap();
        assert_eq!(data.text.len(), room, "{}", cloud.id);
        let over = one(room - bare + 1);
        let fault = render(&Request { with: &over, ..plain.clone() }).unwrap_err();
        assert!(fault.message.contains(&format!("and the cloud accepts {max}")), "{}: {fault}", cloud.id);
        let hint = fault.hint.unwrap();
        assert!(hint.contains("a shorter `padding.sh`"), "{}: {hint}", cloud.id);
        // Where packing gets through, it is the first way out, and it is one.
        let packing = [Encoding::Gzip, Encoding::GzipBase64].map(Encoding::as_str);
        let packs = cloud.encodings.iter().find(|encoding| encoding.packs());
        assert_eq!(
            packs.is_some(),
            packing.iter().any(|name| hint.starts_with(&format!("use `--encoding {name}`"))),
            "{hint}"
        );
        if let Some(encoding) = packs {
            let smaller = Request { with: &over, encoding: *encoding, ..plain.clone() };
            assert!(render(&smaller).unwrap().explain(&smaller, "u").bytes < max / 2);
            // It says where that goes, which may be another field than the usual one.
            let taken = hint.split('`').nth(1).unwrap().strip_prefix("--encoding ").unwrap();
            let taken = Encoding::ALL.into_iter().find(|one| one.as_str() == taken).unwrap();
            let place = cloud.place(&plain.boot.id, taken);
            assert!(hint.contains(&format!("which goes into: {place})")), "{}: {hint}", cloud.id);
            if cloud.terraform.is_some() {
                let source = Request { with: &over, tool: Some(Tool::Terraform), ..plain.clone() };
                let hint = render(&source).unwrap_err().hint.unwrap();
                let taken = hint.split('`').nth(1).unwrap().strip_prefix("--encoding ");
                let id = &cloud.id;
                assert!(
                    taken.is_some(),
                    "{id}: terraform: arguments: none is packed, though encodings are: {hint}"
                );
                let taken = Encoding::ALL.into_iter().find(|one| Some(one.as_str()) == taken);
                let (tool, boot) = (source.tool, source.boot);
                assert!(
                    encoding::encoding(tool, cloud, boot, Form::Mime, taken).is_ok(),
                    "{}: {hint}",
                    cloud.id
                );
                assert!(!hint.contains("goes into"), "{hint}");
            }
        }
        seen += 1;
    }
    assert!(seen > 8, "{seen}");
}

#[test]
fn what_does_not_pack_is_too_large_packed_as_well() {
    let case = case();
    let noise = noise(40_000);
    let with = [Attachment::new("noise.sh", noise.as_bytes()).unwrap()];
    for encoding in [Encoding::Plain, Encoding::Gzip, Encoding::GzipBase64] {
        let request = request(&case, "aws", Some(Form::Mime), None, Some(encoding)).unwrap();
        let fault = render(&Request { with: &with, ..request }).unwrap_err();
        let hint = fault.hint.unwrap();
        assert!(!hint.contains("--encoding") && hint.contains("`noise.sh` (40000 bytes)"), "{hint}");
    }
}

#[test]
fn other_files_need_a_form_that_has_room_for_them() {
    let case = case();
    let with = [padded(100)];
    for form in [Form::Script, Form::CloudConfig] {
        let request = request(&case, "aws", Some(form), None, None).unwrap();
        let fault = render(&Request { with: &with, ..request }).unwrap_err();
        assert!(fault.hint.unwrap().contains("--form mime"));
    }
}

/// A script of so many bytes, which is nothing but comments.
fn padded(size: usize) -> Attachment {
    let mut text = String::from("#!/bin/sh\n");
    while text.len() < size {
        let line = (size - text.len()).min(80);
        text.push_str(&"#".repeat(line - 1));
        text.push('\n');
    }
    Attachment::new("padding.sh", text.as_bytes()).unwrap()
}

/// Text that does not get smaller than three quarters of it.
fn noise(size: usize) -> String {
    let mut text = String::from("#!/bin/sh\n# ");
    let mut state = 1_u64;
    while text.len() < size - 1 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        text.push(char::from(letters[(state >> 58) as usize]));
    }
    text.push('\n');
    text
}
