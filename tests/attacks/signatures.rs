//! Documents that nobody signed who may: arbitrary install, malleability, one type taken for another.

use base64ct::{Base64, Encoding};
use e2e::forge::{name, sign, trust};
use e2e::pair::Pair;
use minisign::KeyPair;
use serde_json::json;
use stringless_core::{json, layout};

use crate::keys::rotation;

const POINTER: &str = "env/production/head";

#[test]
fn arbitrary_install() {
    let Some(pair) = Pair::converged() else { return };
    let seven = std::fs::read_to_string(pair.forge.bucket().join(POINTER)).unwrap();
    let (old_block, _) = seven.split_once("\n\n").unwrap();
    let evil = evil(&pair, 8);
    let comment = "manifest example production 8";
    let stranger = KeyPair::generate_unencrypted_keypair().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let signed = text(sign(&[&pair.forge.key], evil.as_bytes(), comment));
    let strange = text(sign(&[&stranger], evil.as_bytes(), comment));
    let lines: Vec<&str> = signed.lines().collect();
    let zeros = Base64::encode_string(&[b"ED".as_slice(), &id_of(lines[1]), &[0; 64]].concat());
    let empty = Base64::encode_string(b"");
    let cases = [
        ("unsigned", evil.clone(), "form"),
        ("unsigned, after an empty line", format!("\n{evil}"), "form"),
        ("an empty signature", signed.replace(lines[1], &empty), "form"),
        ("an empty global signature", signed.replace(lines[3], &empty), "form"),
        ("no global signature", signed.replace(&format!("{}\n", lines[3]), ""), "form"),
        ("a signature of zeros", signed.replace(lines[1], &zeros), "signatures"),
        ("half a signature", signed.replace(lines[1], &lines[1][..48]), "signatures"),
        ("no base64", signed.replace(lines[1], "!!!!"), "signatures"),
        ("a stranger's key", strange.clone(), "signatures"),
        ("a stranger's key under the id of ours", under_id(&strange, &id_of(lines[1])), "signatures"),
        ("the signature of another release", format!("{old_block}\n\n{evil}"), "signatures"),
        ("another global signature", signed.replace(lines[3], strange.lines().nth(3).unwrap()), "signatures"),
        ("another trusted comment", signed.replace(comment, "manifest example production 9"), "signatures"),
        ("a byte more", format!("{signed} "), "signatures"),
        ("a byte less", signed[..signed.len() - 1].to_owned(), "signatures"),
        ("another serial", signed.replace("\"serial\": 8", "\"serial\": 9"), "signatures"),
        ("the payload twice", format!("{signed}{evil}"), "signatures"),
        ("carriage returns", signed.replace('\n', "\r\n"), "form"),
        ("a legacy signature", legacy(&signed), "signatures"),
    ];
    for (what, document, code) in cases {
        println!("{what}");
        pair.forge.put(POINTER, document.as_bytes());
        let _ = pair.refuses(code);
    }
    // The same release, signed: so nothing else was wrong with it.
    pair.forge.put(POINTER, signed.as_bytes());
    let _ = pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("evil\n"));
}

#[test]
fn arbitrary_install_with_a_signature_stripped() {
    let Some(pair) = Pair::converged() else { return };
    let second = KeyPair::generate_unencrypted_keypair().unwrap();
    let mut config = pair.forge.config(&pair.forge.url());
    config["layers"][0]["trust"] = json!({"version": 1, "threshold": 2,
        "keys": [pair.forge.key.pk.to_base64(), second.pk.to_base64()]});
    pair.node.configure(&config);
    let evil = evil(&pair, 8);
    let comment = "manifest example production 8";
    for key in [&pair.forge.key, &second] {
        pair.forge.put(POINTER, &sign(&[key], evil.as_bytes(), comment));
        let run = pair.refuses("signatures");
        assert!(run.err.contains("1 of 2 required signatures"), "{}", run.err);
    }
    pair.forge.put(POINTER, &sign(&[&pair.forge.key, &second], evil.as_bytes(), comment));
    let _ = pair.run(&["--once"]).expect(0);
}

#[test]
fn signature_malleability() {
    let Some(pair) = Pair::converged() else { return };
    let signed = sign(&[&pair.forge.key], evil(&pair, 8).as_bytes(), "manifest example production 8");
    let signed = String::from_utf8(signed).unwrap();
    let lines: Vec<&str> = signed.lines().collect();
    // S and S + L verify alike, unless the verifier asks for the smaller one. The sum still fits 32 bytes.
    for (line, start) in [(lines[1], 10), (lines[3], 0)] {
        let mut raw = Base64::decode_vec(line).unwrap();
        let scalar: &mut [u8] = &mut raw[start + 32..start + 64];
        add_order(scalar);
        let other = Base64::encode_string(&raw);
        assert_ne!(other, line);
        pair.forge.put(POINTER, signed.replace(line, &other).as_bytes());
        let _ = pair.refuses("signatures");
    }
    // Base64 with other padding or spare bits is another spelling of the same signature.
    let spelled = [format!("{}=", lines[3]), format!(" {}", lines[3]), spare_bits(lines[3])];
    for other in spelled {
        pair.forge.put(POINTER, signed.replace(lines[3], &other).as_bytes());
        let _ = pair.refuses("signatures");
    }
    pair.forge.put(POINTER, signed.as_bytes());
    let _ = pair.run(&["--once"]).expect(0);
}

#[test]
fn type_confusion() {
    let Some(pair) = Pair::converged() else { return };
    let key = &pair.forge.key;
    let (_, rotation) = rotation(&pair.forge, 2, 3);
    let put = |bytes: &[u8]| pair.forge.put(POINTER, bytes);
    // A trust document where the manifest belongs: signed by the same key, and for the same site.
    put(&rotation);
    let _ = pair.refuses("foreign");
    // The same with the words of a manifest around it.
    let payload = trust(&[key], 2, &json!({})).to_string();
    put(&sign(&[key], payload.as_bytes(), "manifest example production 8"));
    let _ = pair.refuses("foreign");
    // A manifest where the trust belongs.
    let mut next = pair.forge.manifest(8, vec![pair.forge.script("true")]);
    next.trust_version = 2;
    pair.forge.publish(&next);
    pair.forge.put("trust/2.json", &std::fs::read(pair.forge.bucket().join(POINTER)).unwrap());
    let _ = pair.refuses("payload");
    // A manifest that carries a trust's comment, and a trust that carries a manifest's.
    put(&sign(&[key], &json::write(&next), "trust example keys 2"));
    let _ = pair.refuses("comment");
    pair.forge.publish(&next);
    pair.forge.put("trust/2.json", &sign(&[key], payload.as_bytes(), "manifest example production 2"));
    let _ = pair.refuses("comment");
    std::fs::remove_file(pair.forge.bucket().join("trust/2.json")).unwrap();
    // One key of the payload twice: the first or the last, who knows.
    let twice = evil(&pair, 8).replacen("\"serial\": 8", "\"serial\": 8, \"serial\": 9", 1);
    put(&sign(&[key], twice.as_bytes(), "manifest example production 8"));
    let _ = pair.refuses("payload");
    // Another site's manifest: signed by the same hand, and by another one in the same name.
    let mut foreign = pair.forge.manifest(8, vec![pair.forge.script("true")]);
    foreign.site = name("other");
    put(&sign(&[key], &json::write(&foreign), &foreign.comment()));
    let _ = pair.refuses("foreign");
    let namesake = KeyPair::generate_unencrypted_keypair().unwrap();
    foreign.site = name("example");
    pair.forge.publish_by(&namesake, &foreign);
    let _ = pair.refuses("signatures");
    // A pack that is named like a document, and a document that is named as a pack.
    let document = std::fs::read(pair.forge.bucket().join(POINTER)).unwrap();
    let pack = pair.forge.raw_pack("", &document, 1, 1);
    pair.forge.put(POINTER, &std::fs::read(pair.forge.bucket().join(layout::pack(&pack.sha256))).unwrap());
    let _ = pair.refuses("signatures");
    pair.forge.publish(&pair.forge.manifest(9, vec![pack]));
    let _ = pair.refuses("invalid");
}

/// The payload of a release that should not be.
pub fn evil(pair: &Pair, serial: u64) -> String {
    let script = pair.forge.script("echo evil >\"$OUT/applied\"");
    String::from_utf8(json::write(&pair.forge.manifest(serial, vec![script]))).unwrap()
}

fn id_of(signature: &str) -> [u8; 8] {
    Base64::decode_vec(signature).unwrap()[2..10].try_into().unwrap()
}

/// The document with another key id in its first signature.
fn under_id(document: &str, id: &[u8; 8]) -> String {
    let line = document.lines().nth(1).unwrap();
    let mut raw = Base64::decode_vec(line).unwrap();
    raw[2..10].copy_from_slice(id);
    document.replace(line, &Base64::encode_string(&raw))
}

/// The document whose signature says that it is of the message itself, and not of its hash.
fn legacy(document: &str) -> String {
    let line = document.lines().nth(1).unwrap();
    let mut raw = Base64::decode_vec(line).unwrap();
    raw[1] = b'd';
    document.replace(line, &Base64::encode_string(&raw))
}

/// Adds the order of the curve's group, 2^252 + 27742317777372353535851937790883648493.
fn add_order(scalar: &mut [u8]) {
    let mut order = [0; 32];
    order[..16].copy_from_slice(&27_742_317_777_372_353_535_851_937_790_883_648_493u128.to_le_bytes());
    order[31] = 0x10;
    let mut carry = 0;
    for (digit, add) in scalar.iter_mut().zip(order) {
        let sum = u16::from(*digit) + u16::from(add) + carry;
        *digit = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
}

/// The last digit before the padding with a bit set that carries nothing.
fn spare_bits(line: &str) -> String {
    let end = line.trim_end_matches('=').len() - 1;
    let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let value = digits.find(&line[end..=end]).unwrap();
    format!("{}{}{}", &line[..end], &digits[value + 1..value + 2], &line[end + 1..])
}
