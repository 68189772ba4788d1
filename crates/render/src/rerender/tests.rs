use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

/// The smallest configuration.
fn line() -> String {
    let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    format!(
        "{{\"format\":1,\"rendered\":\"2026-11-20T18:00:00Z\",\"layers\":[{{\"site\":\"example\",\"environment\":\
         \"production\",\"min_serial\":7,\"trust\":{{\"version\":1,\"threshold\":1,\"keys\":[\"{key}\"]}},\
         \"stores\":[{{\"url\":\"https://h.example\"}}]}}]}}"
    )
}

#[test]
fn a_configuration_is_found_in_every_form_and_encoding() {
    let plain = format!("#!/bin/sh\n# Rendered\n{}\nend\n", line());
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(plain.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let quoted = serde_json::to_string(&line()).unwrap();
    for bytes in [
        plain.clone().into_bytes(),
        gzip.clone(),
        Base64::encode_string(plain.as_bytes()).into_bytes(),
        Base64::encode_string(&gzip).into_bytes(),
        format!("write_files:\n- content: |\n    {}\n", line()).into_bytes(),
        format!("{{\"source\": \"data:;base64,{}\"}}", Base64::encode_string(line().as_bytes())).into_bytes(),
        format!("  text = {quoted};\n").into_bytes(),
        format!("base64 -d <<E\n{}\nE\n", folded(&Base64::encode_string(&gzip))).into_bytes(),
        format!("echo {} | base64 -d | gzip -d | sh\n", Base64::encode_string(&gzip)).into_bytes(),
    ] {
        let rendering = Rendering::read(&bytes).unwrap();
        assert_eq!(rendering.config.layers[0].min_serial, 7);
    }
}

fn folded(text: &str) -> String {
    text.as_bytes()
        .chunks(76)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn text_without_a_configuration_is_refused() {
    let cut = line()[..line().len() - 1].to_owned();
    for bytes in
        [&b""[..], b"#!/bin/sh\n", b"{\"format\":1}", &[0x1f, 0x8b, 1, 2], &[0xff; 40], cut.as_bytes()]
    {
        let fault = Rendering::read(bytes).unwrap_err();
        assert!(fault.message.starts_with("reading the rendering"), "{fault}");
    }
}

#[test]
fn lines_are_found_in_order_with_any_lines_around_them() {
    let rendering = |text: &str| Rendering::read(format!("{text}\n{}\n", line()).as_bytes()).unwrap();
    let body = "a\n  ${b}\nc\n";
    assert!(rendering("x\n    a\n    $${b}\ny\nc").holds(body));
    for other in ["a\nc\n${b}", "a\n${b}", "a\n${B}\nc"] {
        assert!(!rendering(other).holds(body), "{other}");
    }
}

#[test]
fn the_end_of_a_link_is_read() {
    let link = "https://h/a?X-Amz-Date=20261120T180000Z&X-Amz-Expires=604800&b";
    let rendering = Rendering::read(format!("{link}\n{}\n", line()).as_bytes()).unwrap();
    assert_eq!(rendering.link_expires().unwrap().to_string(), "2026-11-27T18:00:00Z");
    for none in ["X-Amz-Date=$now&X-Amz-Expires=900", "X-Amz-Date=2026&X-Amz-Expires=900", ""] {
        assert!(
            Rendering::read(format!("{none}\n{}\n", line()).as_bytes()).unwrap().link_expires().is_none(),
            "{none}"
        );
    }
}

/// The heading of an older version has the time in it.
#[test]
fn the_heading_names_the_pair() {
    let platforms = Platforms::embedded().unwrap();
    let (distro, cloud) = platforms.pairs().next().unwrap();
    for time in ["", "2026-11-20T18:00:00Z "] {
        let heading = format!("# Rendered {time}for {} on {} by stringless 0.1.0.", distro.name, cloud.name);
        let rendering = Rendering::read(format!("#!/bin/sh\n{heading}\n{}\n", line()).as_bytes()).unwrap();
        assert_eq!(rendering.pair(&platforms), Some((distro.id.clone(), cloud.id.clone())), "{heading}");
    }
}
