mod refused;

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Puppetfile {
    Puppetfile::parse(text, "Puppetfile").unwrap_or_else(|fault| panic!("{text}\n{fault}"))
}

fn one(text: &str) -> Declared {
    let mut modules = parse(text).modules;
    assert_eq!(modules.len(), 1, "{text}");
    modules.remove(0)
}

fn forge(version: Option<&str>) -> Origin {
    Origin::Forge { version: version.map(str::to_owned) }
}

fn git(want: Want) -> Origin {
    Origin::Git { url: "https://git.test/m".into(), want, or: None, or_first: None }
}

#[test]
fn a_whole_file() {
    let text = "\u{feff}# frozen_string_literal: true\r\nforge \"https://forge.test\"\r\n\r\n\
        mod 'puppetlabs/stdlib', '9.4.1'\r\n\
        =begin\r\nmod 'never/seen'\r\n=end\r\n\
        moduledir './third//party/'; mod 'puppetlabs-apt' # newest\r\n\
        mod 'profile',\r\n  # why\r\n\r\n  :git => 'https://git.test/m',\r\n  :branch => :control_branch,\r\n  \
        :default_branch => 'main',\r\n  default_branch_override: \"hot/fix\",\r\n  :install_path => 'site'\r\n\
        __END__\r\nif this were Ruby\r\n";
    let file = parse(text);
    assert_eq!(file.forge.as_deref(), Some("https://forge.test"));
    assert_eq!(file.moduledir.as_deref(), Some("third/party"));
    let found: Vec<_> = file.modules.iter().map(|m| (m.line, m.path(), m.title.as_str())).collect();
    let want = [
        (4, "modules/stdlib".to_owned(), "puppetlabs/stdlib"),
        (8, "third/party/apt".to_owned(), "puppetlabs-apt"),
        (9, "site/profile".to_owned(), "profile"),
    ];
    assert_eq!(found, want);
    let origins: Vec<_> = file.modules.into_iter().map(|m| m.origin).collect();
    let tracked = Origin::Git {
        url: "https://git.test/m".into(),
        want: Want::ControlBranch,
        or: Some("main".into()),
        or_first: Some("hot/fix".into()),
    };
    assert_eq!(origins, [forge(Some("9.4.1")), forge(None), tracked]);
    assert_eq!(parse(""), Puppetfile::default());
    assert_eq!(parse("# nothing\n\n;;\n"), Puppetfile::default());
}

#[test]
fn a_forge_may_be_a_host_alone() {
    for (text, url) in [
        ("forge.puppetlabs.com", "https://forge.puppetlabs.com"),
        ("forge.test:8080/api", "https://forge.test:8080/api"),
        ("http://forge.test", "http://forge.test"),
    ] {
        assert_eq!(parse(&format!("forge '{text}'")).forge.as_deref(), Some(url));
    }
}

#[test]
fn a_comment_may_have_any_encoding() {
    let read = |bytes: &[u8]| Puppetfile::parse_bytes(bytes, "Puppetfile");
    let file = read(b"# caf\xe9\nmod 'a/b' # \xfc\n=begin\n\xff\n=end\n").unwrap();
    assert_eq!(file.modules.len(), 1);
    let fault = read(b"# caf\xe9\nmod 'a/b', install_path: 'caf\xe9'").unwrap_err();
    assert!(fault.message.starts_with("reading Puppetfile:2:30: a byte that is not UTF-8"), "{fault}");
}

#[test]
fn forge_modules_in_all_their_forms() {
    for text in [
        "mod 'a/b', '1.2.3'",
        "mod \"a-b\", \"1.2.3\"",
        "mod('a/b', '1.2.3')",
        "mod(\n  'a/b',\n  '1.2.3',\n)",
        "mod 'a/b',\n\n  '1.2.3'",
        "mod 'a/b', \\\n  '1.2.3'",
        "mod'a/b','1.2.3'",
        "mod %q(a/b), %Q[1.2.3]",
        "mod %{a/b}, %<1.2.3>",
        "mod 'a' '/b', '1.2' \".3\"",
        "mod 'a/b', type: 'forge', version: '1.2.3'",
        "mod 'a/b', :type => :forge, :version => '1.2.3'",
        "mod 'a/b', {type: :\"forge\", \"version\": '1.2.3',}",
        "mod('a/b', {\n  type: 'forge',\n  version:\n    '1.2.3'\n})",
    ] {
        assert_eq!(one(text).origin, forge(Some("1.2.3")), "{text}");
        assert_eq!(one(text).path(), "modules/b", "{text}");
    }
    for text in
        ["mod 'a/b'", "mod 'a/b', :latest", "mod 'a/b', nil", "mod 'a/b', type: 'forge'", "mod('a/b')"]
    {
        assert_eq!(one(text).origin, forge(None), "{text}");
    }
    for version in ["0.0.1", "1.0.0-rc.1", "1.0.0-rc1+build.5", "10.20.30+x-y", "1.0.0--1"] {
        assert_eq!(one(&format!("mod 'a/b', '{version}'")).origin, forge(Some(version)));
    }
}

#[test]
fn git_modules_in_all_their_forms() {
    let of = |rest: &str| one(&format!("mod 'm', :git => 'https://git.test/m'{rest}")).origin;
    assert_eq!(of(""), git(Want::Head));
    assert_eq!(of(", :tag => 'v1.0.0'"), git(Want::Tag("v1.0.0".into())));
    assert_eq!(of(", branch: 'feature/x'"), git(Want::Branch("feature/x".into())));
    assert_eq!(of(", ref: 'main'"), git(Want::Ref("main".into())));
    assert_eq!(of(", version: 'main'"), git(Want::Ref("main".into())));
    assert_eq!(of(", commit: '2098a17'"), git(Want::Commit("2098a17".into())));
    assert_eq!(of(", ref: :control_branch"), git(Want::ControlBranch));
    assert_eq!(of(", branch: 'control_branch'"), git(Want::Branch("control_branch".into())));
    let text = "mod 'owner-m', type: 'git', source: 'https://git.test/m', version: 'v1'";
    assert_eq!(one(text).origin, git(Want::Ref("v1".into())));
    assert_eq!(one(text).path(), "modules/m");
    for url in [
        "git@host:path/m.git",
        "ssh://git@host:22/m",
        "/srv/git/m.git",
        "../m.git",
        "file:///srv/m",
        "[::1]:m",
    ] {
        let origin = one(&format!("mod 'm', git: '{url}'")).origin;
        assert!(matches!(origin, Origin::Git { url: read, .. } if read == url), "{url}");
    }
}

#[test]
fn tarballs_and_local_modules() {
    let sum = "0123456789abcdef".repeat(4);
    let archive = |sha256: Option<&str>| Origin::Tarball {
        url: "https://files.test/m.tar.gz".into(),
        sha256: sha256.map(str::to_owned),
    };
    let of = |rest: &str| {
        one(&format!("mod 'm', type: 'tarball', source: 'https://files.test/m.tar.gz'{rest}")).origin
    };
    assert_eq!(of(""), archive(None));
    assert_eq!(of(&format!(", version: '{sum}'")), archive(Some(&sum)));
    assert_eq!(of(&format!(", :checksum => '{sum}'")), archive(Some(&sum)));
    assert_eq!(one("mod 'm', :local => true").origin, Origin::Local);
    assert_eq!(one("mod 'o/m', type: :local, install_path: 'site'").path(), "site/m");
}

#[test]
fn places_are_cleaned() {
    let path = |place: &str| one(&format!("mod 'm', local: true, install_path: '{place}'")).path();
    assert_eq!(path("."), "m");
    assert_eq!(path(""), "m");
    assert_eq!(path("a/../b/./c/"), "b/c/m");
    assert_eq!(one("moduledir '.'\nmod 'a/b'").path(), "b");
    let long = format!("mod 'm', local: true, install_path: '{}'", "x".repeat(5000));
    let fault = Puppetfile::parse(&long, "Puppetfile").unwrap_err();
    assert!(fault.hint.is_some_and(|hint| hint.contains("install_path")), "{}", fault.message);
}

#[test]
fn a_module_directory_holds_for_what_stands_below_it() {
    let file = parse("mod 'a/b'\nmoduledir 'x'\nmod 'a/c'\nmoduledir 'y'\nmod 'a/d'");
    let paths: Vec<_> = file.modules.iter().map(Declared::path).collect();
    assert_eq!(paths, ["modules/b", "x/c", "y/d"]);
}

#[test]
fn spec_is_left_out_where_r10k_leaves_it_out() {
    let git = "mod 'm', git: 'https://git.test/m'";
    assert!(!one(git).exclude_spec);
    assert!(one(&format!("{git}, exclude_spec: true")).exclude_spec);
    assert!(!one(&format!("{git}, exclude_spec: false")).exclude_spec);
    assert!(!one(&format!("{git}, exclude_spec: true, install_path: 'x'")).exclude_spec);
}

#[test]
fn no_message_shows_a_password() {
    let url = "https://user:geheim@git.test/m";
    for text in [
        format!("mod 'm', git: '{url}' '{url}' :x"),
        format!("mod 'm', git: '{url}', '{url}'"),
        format!("mod 'm', :x '{url}'"),
        format!("'{url}'"),
        format!("mod 'm', git: 'ext::{url}'"),
        format!("mod 'm', type: 'tarball', source: 'ftp://{url}'"),
        format!("mod 'm', '{url}' => 'x'"),
        format!("mod 'm', git: 'x', '{url}': 'x'"),
        format!("'{url}': 'x'"),
        format!("mod 'm', :'{url}' => :'{url}'"),
        format!("mod 'm', git: 'x', tag: '{url}'"),
        format!("mod 'm', git: 'x', tag: :'{url}'"),
        format!("mod 'a/b', '{url}'"),
        format!("mod 'a/b', :'{url}'"),
        format!("mod 'm', type: '{url}'"),
        format!("mod '{url}'"),
        format!("forge '{url}', '{url}'"),
        format!("forge 'x{url}'"),
    ] {
        let fault = Puppetfile::parse(&text, "Puppetfile").expect_err(&text);
        assert!(!format!("{fault:?}").contains("geheim"), "{fault:?}");
    }
}

proptest! {
    /// Parts of a Puppetfile in any order: never a panic, and every fault has a position in the file.
    #[test]
    fn any_text_is_read_or_refused(parts in prop::collection::vec(prop::sample::select(PARTS), 0..40)) {
        let text: String = parts.concat();
        if let Err(fault) = Puppetfile::parse(&text, "P") {
            let place: Vec<usize> =
                fault.message["reading P:".len()..].splitn(3, ':').take(2).map(|n| n.parse().unwrap()).collect();
            let line = text.split('\n').nth(place[0] - 1).unwrap();
            prop_assert!(place[1] <= line.chars().count() + 1, "{} in {text:?}", fault.message);
            prop_assert!(fault.hint.is_some_and(|hint| !hint.is_empty()));
        }
    }
}

const PARTS: &[&str] = &[
    "mod",
    "forge",
    "moduledir",
    " ",
    " ",
    " ",
    "'a/b'",
    "'m'",
    "\"x\"",
    "'",
    "\"",
    ",",
    ", ",
    "\n",
    "\r\n",
    ";",
    "git:",
    ":git",
    "=>",
    " => ",
    "type:",
    "'tarball'",
    "source:",
    "'/x'",
    "version:",
    "tag:",
    "local: true",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "#",
    "#{",
    "%",
    "%q(",
    "\\",
    ":",
    "::",
    "=begin\n",
    "=end",
    "__END__",
    "é",
    "\u{feff}",
    "nil",
    "true",
    "if",
    "1.2",
    "'1.2.3'",
    ":latest",
    "<<~X",
    "@",
    "$",
    "`",
    "?",
    "!",
    ".",
    "+",
    "=",
    "\t",
    "\0",
];
