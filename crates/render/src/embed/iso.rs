//! ISO 9660 images of a few small files in one folder (ECMA-119), with Rock Ridge names, which keep
//! lower-case letters (SUSP 1.12, RRIP 1.12). No clock, no owner: the same files give the same bytes.

/// An image with the volume label `label` and `files`. The names must be sorted and plain.
pub(crate) fn image(label: &str, files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut next = FILES;
    let mut placed = Vec::new();
    for (name, bytes) in files {
        placed.push((*name, next, bytes.len()));
        next += sectors(bytes.len());
    }
    let root = folder(&placed);
    let mut image = vec![0; SECTOR * 16];
    push(&mut image, &volume(label, next));
    push(&mut image, b"\xffCD001\x01");
    push(&mut image, &path_table(u32::to_le_bytes, u16::to_le_bytes));
    push(&mut image, &path_table(u32::to_be_bytes, u16::to_be_bytes));
    push(&mut image, &root);
    for (_, bytes) in files {
        push(&mut image, bytes);
    }
    image
}

/// Appends `bytes`, and zeros up to the end of the sector.
fn push(image: &mut Vec<u8>, bytes: &[u8]) {
    image.extend_from_slice(bytes);
    image.resize(image.len().next_multiple_of(SECTOR), 0);
}

/// The primary volume descriptor (8.4).
fn volume(label: &str, sectors: usize) -> Vec<u8> {
    let mut bytes = b"\x01CD001\x01\0".to_vec();
    text(&mut bytes, "", 32);
    text(&mut bytes, label, 32);
    bytes.resize(80, 0);
    both32(&mut bytes, sectors);
    bytes.resize(120, 0);
    both16(&mut bytes, 1);
    both16(&mut bytes, 1);
    both16(&mut bytes, SECTOR);
    both32(&mut bytes, PATH_TABLE);
    bytes.extend_from_slice(&le(LITTLE));
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&be(BIG));
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&entry(&[0], ROOT, SECTOR, true, &[]));
    for size in [128, 128, 128, 128, 37, 37, 37] {
        text(&mut bytes, "", size);
    }
    // Times of creation, modification, expiry and effect: not specified.
    for _ in 0..4 {
        bytes.extend_from_slice(b"0000000000000000\0");
    }
    bytes.push(1);
    bytes
}

/// The one folder (9.1): itself, its parent, the files.
fn folder(files: &[(&str, usize, usize)]) -> Vec<u8> {
    // The fields that announce Rock Ridge, in the first entry only.
    let begins =
        [&b"SP\x07\x01\xbe\xef\0"[..], &attributes(true), b"ER\x12\x01\x0a\0\0\x01RRIP_1991A"].concat();
    let mut bytes = entry(&[0], ROOT, SECTOR, true, &begins);
    bytes.extend_from_slice(&entry(&[1], ROOT, SECTOR, true, &attributes(true)));
    for (name, at, size) in files {
        let long = [&b"NM"[..], &[byte(5 + name.len()), 1, 0], name.as_bytes(), &attributes(false)].concat();
        // ECMA-119 itself allows capital letters, digits and `_` in names.
        let short = format!("{}.;1", name.to_ascii_uppercase().replace('-', "_"));
        bytes.extend_from_slice(&entry(short.as_bytes(), *at, *size, false, &long));
    }
    bytes
}

/// `PX` (RRIP 4.1.1): mode, links, owner and group.
fn attributes(folder: bool) -> Vec<u8> {
    let mut bytes = b"PX\x24\x01".to_vec();
    let (mode, links) = if folder { (0o040_555, 2) } else { (0o100_444, 1) };
    for value in [mode, links, 0, 0] {
        both32(&mut bytes, value);
    }
    bytes
}

/// A directory record (9.1).
fn entry(name: &[u8], at: usize, size: usize, folder: bool, more: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0];
    both32(&mut bytes, at);
    both32(&mut bytes, size);
    // 1980-01-01, the first day of FAT.
    bytes.extend_from_slice(&[80, 1, 1, 0, 0, 0, 0, if folder { 2 } else { 0 }, 0, 0]);
    both16(&mut bytes, 1);
    bytes.push(byte(name.len()));
    bytes.extend_from_slice(name);
    // The next field begins at an even offset.
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes.extend_from_slice(more);
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes[0] = byte(bytes.len());
    bytes
}

/// A path table (9.4) with the root folder only.
fn path_table(four: fn(u32) -> [u8; 4], two: fn(u16) -> [u8; 2]) -> Vec<u8> {
    [&[1, 0][..], &four(number(ROOT)), &two(1), &[0, 0]].concat()
}

/// A text, padded with spaces.
fn text(bytes: &mut Vec<u8>, text: &str, size: usize) {
    bytes.extend_from_slice(text.as_bytes());
    bytes.resize(bytes.len() + size - text.len(), b' ');
}

/// A 32-bit number in both byte orders (7.3.3).
fn both32(bytes: &mut Vec<u8>, value: usize) {
    bytes.extend_from_slice(&le(value));
    bytes.extend_from_slice(&be(value));
}

/// A 16-bit number in both byte orders (7.2.3).
fn both16(bytes: &mut Vec<u8>, value: usize) {
    bytes.extend_from_slice(&le(value)[..2]);
    bytes.extend_from_slice(&be(value)[2..]);
}

fn le(value: usize) -> [u8; 4] {
    number(value).to_le_bytes()
}

fn be(value: usize) -> [u8; 4] {
    number(value).to_be_bytes()
}

/// User-data is far smaller than 4 GiB.
fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn byte(value: usize) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

fn sectors(bytes: usize) -> usize {
    bytes.div_ceil(SECTOR)
}

const SECTOR: usize = 2048;
/// The size of a path table with the root folder only, in bytes.
const PATH_TABLE: usize = 10;
/// Positions, in sectors.
const LITTLE: usize = 18;
const BIG: usize = 19;
const ROOT: usize = 20;
const FILES: usize = 21;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_at_the_positions_of_their_entries() {
        let files = [("meta-data", b"instance-id: a\n".to_vec()), ("user-data", vec![b'x'; SECTOR + 1])];
        let image = image("cidata", &files);
        assert_eq!(image.len(), (FILES + 3) * SECTOR);
        assert_eq!(&image[16 * SECTOR + 40..][..7], b"cidata ");
        assert_eq!(&image[FILES * SECTOR..][..15], b"instance-id: a\n");
        assert_eq!(&image[(FILES + 1) * SECTOR..][..SECTOR + 1], &files[1].1[..]);
        assert_eq!(image, super::image("cidata", &files));
    }
}
