//! Four archives of the tar crate's tests that no package on crates.io ships, byte for byte.

/// Each archive with the name that it has there.
pub fn archives() -> [(&'static str, Vec<u8>); 4] {
    [
        ("biguid_gnu.tar", biguid_gnu()),
        ("biguid_pax.tar", biguid_pax()),
        ("pax2_links.tar", pax2_links()),
        ("pax_size.tar", pax_size()),
    ]
}

/// A user above what eight octal digits hold, in GNU's binary form.
fn biguid_gnu() -> Vec<u8> {
    let mut file = Header::new("./test.txt", b'0', 0o14_455_221_404);
    (file.magic, file.devices) = (b"ustar  \0", false);
    (file.user, file.group) = (BIG_ID, BIG_ID);
    archive(&[(file, "Hello, world!\n")])
}

/// The same user, in an extended header of POSIX.
fn biguid_pax() -> Vec<u8> {
    let when = 0o14_455_221_404;
    let extended = "18 uid=4294967294\n18 gid=4294967294\n30 mtime=1689592580.626944296\n\
        30 atime=1689592580.626944296\n30 ctime=1689592580.630944276\n";
    archive(&[
        (Header::extended("./PaxHeaders.241169/test.txt", when), extended),
        (Header::new("./test.txt", b'0', when), "Hello, world!\n"),
    ])
}

/// An extended header that gives another size than the header of the file.
fn pax_size() -> Vec<u8> {
    let when = 0o13_665_276_445;
    let extended = "30 mtime=1591049509.784738529\n30 atime=1591049509.784738529\n\
        30 ctime=1591049509.784738529\n9 size=4\n";
    let mut file = Header::new("test", b'0', when);
    (file.mode, file.user, file.group, file.owner) = (0o664, *b"0001750\0", *b"0001751\0", "irisliu");
    archive(&[(Header::extended("./PaxHeaders.31978/test", when), extended), (file, "")])
}

/// Long names and long targets of links, all in extended headers: there `pax2.tar`, a name that another
/// archive of the published ones has.
fn pax2_links() -> Vec<u8> {
    let folder = format!("{}/", "a".repeat(15)).repeat(12);
    // A name field holds 100 bytes.
    let cut = &folder[..100];
    let (b, c) = ("b".repeat(15), "c".repeat(15));
    let times = |m: &str, a: &str, c: &str| {
        format!("28 mtime=16255{m}6427\n28 atime=16255{a}6427\n28 ctime=16255{c}6427\n")
    };
    let (made_b, made_c) = (0o14_071_073_773, 0o14_071_074_000);
    let linked = 0o14_071_074_261;
    let entry = |name: &str, kind, mode, when| {
        let mut header = Header::new(name, kind, when);
        (header.mode, header.user, header.group, header.owner) =
            (mode, *b"0001750\0", *b"0001750\0", "nullpo");
        header
    };
    let link = |name: &str, kind, mode, when| Header { link: cut.into(), ..entry(name, kind, mode, when) };
    let extended = [
        format!("202 path={folder}\n{}", times("85664.505", "85665.475", "85664.505")),
        format!("217 path={folder}{c}\n{}", times("85664.505", "85702.905", "85850.895")),
        format!("217 path={folder}{b}\n{}", times("85659.655", "85702.905", "85659.655")),
        format!("221 linkpath={folder}{b}\n{}", times("85841.145", "85850.895", "85841.145")),
        format!("221 linkpath={folder}{c}\n{}", times("85664.505", "85878.795", "85850.895")),
    ];
    let headers = |name: &str| format!("./PaxHeaders.1116970/{name}");
    archive(&[
        (Header::extended(cut, made_c), &extended[0]),
        (entry(cut, b'5', 0o755, made_c), ""),
        (Header::extended(cut, made_c), &extended[1]),
        (entry(cut, b'0', 0o644, made_c), &format!("{c}\n")),
        (Header::extended(cut, made_b), &extended[2]),
        (entry(cut, b'0', 0o644, made_b), &format!("{b}\n")),
        (Header::extended(&headers(&b), linked), &extended[3]),
        (link(&b, b'2', 0o777, linked), ""),
        (Header::extended(&headers(&c), made_c), &extended[4]),
        (link(&c, b'1', 0o644, made_c), ""),
    ])
}

/// 4294967294 in GNU's binary form.
const BIG_ID: [u8; 8] = [0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe];

struct Header {
    name: String,
    kind: u8,
    mode: u32,
    user: [u8; 8],
    group: [u8; 8],
    when: u64,
    link: String,
    magic: &'static [u8; 8],
    /// The name of the user, and of the group.
    owner: &'static str,
    /// Whether the fields of device numbers hold zeros as text.
    devices: bool,
}

impl Header {
    fn new(name: &str, kind: u8, when: u64) -> Self {
        let (name, link) = (name.to_owned(), String::new());
        let (user, group, magic) = (*b"0000000\0", *b"0000000\0", b"ustar\x0000");
        Self { name, kind, mode: 0o644, user, group, when, link, magic, owner: "", devices: true }
    }

    fn extended(name: &str, when: u64) -> Self {
        Self { devices: false, ..Self::new(name, b'x', when) }
    }

    fn bytes(&self, size: usize) -> [u8; 512] {
        let mut block = [0; 512];
        let mut put = |at: usize, field: &[u8]| block[at..at + field.len()].copy_from_slice(field);
        put(0, self.name.as_bytes());
        put(100, format!("{:07o}\0", self.mode).as_bytes());
        put(108, &self.user);
        put(116, &self.group);
        put(124, format!("{size:011o}\0{:011o}\0", self.when).as_bytes());
        put(148, b"        ");
        put(156, &[self.kind]);
        put(157, self.link.as_bytes());
        put(257, self.magic);
        put(265, self.owner.as_bytes());
        put(297, self.owner.as_bytes());
        if self.devices {
            put(329, b"0000000\x000000000\0");
        }
        let sum: u32 = block.iter().copied().map(u32::from).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        block
    }
}

/// The entries, filled up with zeros to 10240 bytes as GNU tar does it.
fn archive(entries: &[(Header, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (header, content) in entries {
        bytes.extend(header.bytes(content.len()));
        bytes.extend(content.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len().next_multiple_of(10240), 0);
    bytes
}
