//! Encodings: what arrives is what was rendered, and is the same each time.

use std::io::Read;
use std::process::Command;

use base64ct::{Base64, Encoding as _};
use e2e::rendering::{BUCKET, Case, SCRIPT, site};
use e2e::tools;
use stringless_render::platform::{Counts, Encoding, Platforms};
use stringless_render::{encode, render};

use crate::envelope::{piped, product};

#[test]
fn each_decodes_to_what_was_rendered_and_fits() {
    let mut seen = 0;
    product(|name, request, data| {
        let bytes = data.encoded();
        assert_eq!(decode(&bytes, data.encoding), data.text.as_bytes(), "{name}");
        if data.encoding.is_base64() {
            // A line end would keep those who guess from seeing base64 in it.
            assert!(bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(b)), "{name}");
        }
        let explain = data.explain(request, "user-data");
        let counted = match request.cloud.counts {
            Counts::Text => bytes.len(),
            Counts::Raw => arriving(&bytes, data.encoding).len(),
            Counts::Base64 => arriving(&bytes, data.encoding).len().div_ceil(3) * 4,
        };
        assert_eq!(explain.bytes, counted, "{name}");
        assert!(request.cloud.max_bytes.is_none_or(|max| counted <= max), "{name}");
        seen += 1;
    });
    assert!(seen > 1000, "{seen}");
}

/// Some boot agents read the whole of a script as YAML before they look at its first line.
#[test]
fn what_is_read_as_yaml_first_is_some() {
    let Some(python) = tools::cached("python", "python") else { return };
    let mut scripts = Vec::new();
    let case = Case::new(&site(BUCKET, SCRIPT, ""));
    for (distro, cloud) in case.platforms.pairs() {
        let request = case.request(distro, cloud, None).unwrap();
        if !request.boot.preamble.is_empty() {
            let text = render(&request).unwrap().text;
            assert!(text.starts_with(&format!("#!/bin/sh\n{}", request.boot.preamble)));
            scripts.push(text);
        }
    }
    assert!(!scripts.is_empty());
    // libyaml, which they use, too; it looks no further than the first document.
    let read = "import json, sys, yaml
for text in json.load(sys.stdin):
    assert next(yaml.load_all(text, yaml.CSafeLoader))
    try: next(yaml.load_all(text.split('\\n...\\n')[-1], yaml.CSafeLoader))
    except yaml.YAMLError: continue
    sys.exit('it is YAML without the preamble')
";
    piped(Command::new(python).args(["-c", read]), &serde_json::to_vec(&scripts).unwrap());
}

#[test]
fn packed_bytes_hold_no_clock() {
    let packed = encode::encode(b"#!/bin/sh\n", Encoding::Gzip);
    assert_eq!(packed, encode::encode(b"#!/bin/sh\n", Encoding::Gzip));
    // RFC 1952: magic, deflate, no flags, no time, best compression, no operating system.
    assert_eq!(packed[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255]);
}

#[test]
fn what_does_not_get_through_is_refused() {
    let platforms = Platforms::embedded().unwrap();
    let (mut refused, mut taken) = (0, 0);
    for cloud in &platforms.clouds {
        for boot in platforms
            .boot_agents
            .iter()
            .filter(|boot| cloud.boot_agents.iter().any(|id| id.as_str() == boot.id))
        {
            let usable = encode::usable(cloud, boot);
            assert!(!usable.is_empty(), "{} {}: nothing gets through", cloud.id, boot.id);
            for encoding in Encoding::ALL {
                match encode::encoding(cloud, boot, Some(encoding)) {
                    Ok(one) => {
                        assert!(one == encoding && usable.contains(&one));
                        assert!(boot.gzip || !one.packs(), "{} does not unpack", boot.id);
                        taken += 1;
                    }
                    Err(fault) => {
                        assert!(fault.hint.unwrap().starts_with("possible encodings: "));
                        refused += 1;
                    }
                }
            }
        }
    }
    assert!(refused > taken, "{refused} refusals, {taken} successes");
}

/// What the cloud hands on.
fn arriving(bytes: &[u8], encoding: Encoding) -> Vec<u8> {
    if !encoding.is_base64() {
        return bytes.to_vec();
    }
    Base64::decode_vec(std::str::from_utf8(bytes).unwrap()).unwrap()
}

fn decode(bytes: &[u8], encoding: Encoding) -> Vec<u8> {
    let bytes = arriving(bytes, encoding);
    if !encoding.packs() {
        return bytes;
    }
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut text).unwrap();
    text
}
