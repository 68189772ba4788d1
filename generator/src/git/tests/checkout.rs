use std::fs;

use super::{Remote, fetched};
use crate::git::{Entry, EntryKind};

#[test]
fn files_are_what_a_clean_checkout_makes_of_them() {
    let (cache, remote) = (tempfile::tempdir().unwrap(), Remote::new());
    let attributes = "*.bat eol=crlf\n*.txt text=auto eol=crlf\n*.id ident\n*.utf16 text working-tree-encoding=UTF-16LE eol=crlf\n\
        *.bin -text eol=crlf\n[attr]dos text eol=crlf\n*.dos dos\n*.lf eol=lf\n";
    remote.write(".gitattributes", attributes);
    remote.write("sub/.gitattributes", "*.bat -text\n*.sh filter=evil\n");
    for name in ["a.bat", "a.txt", "a.bin", "a.dos", "a.lf", "sub/a.bat", "sub/a.txt", "sub/a.sh"] {
        remote.write(name, "one\ntwo\n$Id$\n");
    }
    remote.write("a.id", "$Id$ and $Id: old $\n");
    fs::write(remote.folder.path().join("binary.txt"), b"a\nb\0\n").unwrap();
    fs::write(remote.folder.path().join("a.utf16"), [b'a', 0, b'\r', 0, b'\n', 0]).unwrap();
    remote.git(&["config", "filter.evil.clean", "cat"]);
    remote.commit();
    let checkout = tempfile::tempdir().unwrap();
    let target = checkout.path().join("c").display().to_string();
    remote.git(&["clone", "--quiet", &remote.url(), &target]);
    let mirror = fetched(cache.path(), &remote);
    let commit = mirror.resolve("main").unwrap().unwrap();
    for below in ["", "sub"] {
        let entries = mirror.entries(&commit, below).unwrap();
        let files: Vec<&Entry> =
            entries.iter().filter(|entry| matches!(entry.kind, EntryKind::File { .. })).collect();
        let conversions = mirror.conversions(&commit, below, &entries).unwrap();
        assert!(!conversions.is_empty(), "{below}");
        let ids: Vec<String> = files.iter().map(|entry| entry.id.clone()).collect();
        for (entry, blob) in files.iter().zip(mirror.blobs(&ids).unwrap()) {
            let expected = fs::read(checkout.path().join("c").join(below).join(&entry.path)).unwrap();
            let found = match conversions.get(&entry.path) {
                Some(conversion) => conversion.apply(blob, &entry.id).unwrap(),
                None => blob,
            };
            assert_eq!(found, expected, "{below}/{}", entry.path);
        }
    }
}
