use super::*;

#[test]
fn declarations_that_may_resolve_differently_are_floating() {
    let git = |want| Origin::Git { url: "u".into(), want, or: None, or_first: None };
    let id = "0123456789abcdef0123456789abcdef01234567";
    let floating = [
        Origin::Forge { version: None },
        git(Want::Head),
        git(Want::ControlBranch),
        git(Want::Branch("main".into())),
        git(Want::Tag("v1".into())),
        git(Want::Ref("v1".into())),
        Origin::Tarball { url: "u".into(), sha256: None },
    ];
    let fixed = [
        Origin::Local,
        Origin::Forge { version: Some("1.0.0".into()) },
        git(Want::Commit(id[..8].into())),
        git(Want::Ref(id.into())),
        Origin::Tarball { url: "u".into(), sha256: Some(String::new()) },
    ];
    assert!(floating.iter().all(is_floating) && !fixed.iter().any(is_floating));
}

#[test]
fn a_message_names_a_few() {
    assert_eq!(few(&["a"]), "`a`");
    assert_eq!(few(&["a", "b", "c"]), "`a`, `b`, `c`");
    assert_eq!(few(&["a", "b", "c", "d", "e"]), "`a`, `b`, `c` and 2 more");
}
