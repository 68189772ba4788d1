use std::collections::BTreeMap;

use stringless_archive::writer::ItemKind;
use stringless_core::hash::Sha256;
use stringless_core::manifest::{AgentPin, Apply, Engine, Failure, Module, PuppetEngine, Source};
use stringless_core::name::Name;
use stringless_core::pack::Pack;
use stringless_core::version::Version;

use super::review_markdown::{MAX_BYTES, markdown};
use super::review_text::{Shown, text};
use crate::release::diff::Items;
use crate::release::review::{Review, Side};

const ALL: Shown = Shown { own: true, third_party: true };
const OWN: Shown = Shown { own: true, third_party: false };
const NONE: Shown = Shown { own: false, third_party: false };

/// A release of files (path, content); files below the paths of `modules` are third-party code.
fn side(serial: Option<u64>, files: &[(&str, &str)], modules: &[(&str, &str)]) -> (Side, Items) {
    let module = |(path, version): &(&str, &str)| {
        let (version, from) = version.split_once(" from ").unwrap_or((version, "https://forge.example"));
        let name = format!("example/{}", path.rsplit('/').next().unwrap());
        Module { path: (*path).into(), name, version: version.into(), from: from.into() }
    };
    let modules: Vec<Module> = modules.iter().map(module).collect();
    let mut contents: BTreeMap<&str, String> = BTreeMap::new();
    for (path, content) in files {
        let parts: Vec<&str> = path.split('/').collect();
        let pack = match parts[..] {
            ["modules", _, ..] => path.match_indices('/').nth(1).map_or(*path, |(at, _)| &path[..at]),
            [top, _, ..] => top,
            _ => "",
        };
        contents.entry(pack).or_default().push_str(&format!("{path}\0{content}\0"));
    }
    let pack = |(path, content): (&&str, &String)| {
        let sha256 = Sha256::of(content.as_bytes());
        Pack { path: (**path).to_owned(), sha256, size: 1, unpacked: 1, files: 1 }
    };
    let file = |(path, content): &(&str, &str)| {
        ((*path).to_owned(), ItemKind::File { executable: false, content: content.as_bytes().to_vec() })
    };
    let version = Version::parse("1.0.0").unwrap();
    let side = Side {
        environment: Name::new("production").unwrap(),
        serial,
        packs: contents.iter().map(pack).collect(),
        source: Source { tool: "test".into(), modules, ..Source::default() },
        apply: Apply {
            engine: Engine::Puppet(PuppetEngine {}),
            timeout: 60,
            reapply: None,
            failure: Failure::default(),
        },
        agent: AgentPin { minimum: version, version, allow_downgrade: false, targets: BTreeMap::new() },
        trust_version: 1,
    };
    (side, files.iter().map(file).collect())
}

fn review(old: &(Side, Items), new: &(Side, Items)) -> Review {
    Review::new(&new.0.environment, Some(&old.0), &new.0, (&old.1, &new.1))
}

#[test]
fn modules_come_first_and_own_code_before_that_of_others() {
    let old = side(
        Some(3),
        &[("data/x", "1\n"), ("modules/apt/a", "a\n"), ("modules/gone/g", "g\n"), ("modules/same/s", "s\n")],
        &[("modules/apt", "9.4.0"), ("modules/gone", "1.0.0"), ("modules/same", "2.0.0")],
    );
    let new = side(
        None,
        &[("data/x", "2\n"), ("modules/apt/a", "b\n"), ("modules/new/n", "n\n"), ("modules/same/s", "s\n")],
        &[("modules/apt", "9.6.0"), ("modules/new", "0.1.0"), ("modules/same", "2.0.0")],
    );
    let review = review(&old, &new);
    assert_eq!(
        text(&review, ALL),
        "modules:
  changed  modules/apt   example/apt   9.4.0 to 9.6.0
  removed  modules/gone  example/gone  1.0.0
  added    modules/new   example/new   0.1.0

own code:
diff data/x
--- a/data/x
+++ b/data/x
@@ -1 +1 @@
-1
+2
third-party code:
diff modules/apt/a
--- a/modules/apt/a
+++ b/modules/apt/a
@@ -1 +1 @@
-a
+b
diff modules/gone/g
removed file, mode 0644
--- a/modules/gone/g
+++ /dev/null
@@ -1 +0,0 @@
-g
diff modules/new/n
new file, mode 0644
--- /dev/null
+++ b/modules/new/n
@@ -0,0 +1 @@
+n
production, since serial 3: 4 files, +3 -3 lines; packs: 2 changed, 1 added, 1 removed; \
         modules: 1 changed, 1 added, 1 removed
"
    );
    let stat = text(&review, NONE);
    assert!(
        stat.contains("own code:\nchanged  data/x  +1 -1\nthird-party code:\nmodules/apt   1 file  +1 -1\n"),
        "{stat}"
    );
    let own = text(&review, OWN);
    assert!(own.contains("+2\nthird-party code:\nmodules/apt   1 file  +1 -1\n"), "{own}");
}

#[test]
fn new_content_under_the_same_version_is_shown() {
    let hash = "0123456789abcdef0123456789abcdef01234567";
    let old = side(
        Some(1),
        &[("modules/a/x", "1"), ("modules/b/x", "1"), ("modules/c/x", "1")],
        &[("modules/a", "1.0.0"), ("modules/b", "1.0.0"), ("modules/c", &format!("{hash} from /old"))],
    );
    let new = side(
        Some(2),
        &[("modules/a/x", "2"), ("modules/b/x", "1"), ("modules/c/x", "1")],
        &[("modules/a", "1.0.0"), ("modules/b", "1.0.1"), ("modules/c", &format!("{hash} from /new"))],
    );
    let review = review(&old, &new);
    let shown = text(&review, NONE);
    assert!(shown.contains("modules/a  example/a  1.0.0, other content under the same version\n"), "{shown}");
    assert!(shown.contains("modules/b  example/b  1.0.0 to 1.0.1\n"), "{shown}");
    assert!(shown.contains("modules/c  example/c  0123456789ab, from /new, before from /old\n"), "{shown}");
    assert!(shown.contains("production, from serial 1 to serial 2: 1 file"), "{shown}");
    assert_eq!(review.modules.iter().map(|module| module.replaced).collect::<Vec<_>>(), [true, false, false]);
    // A new version with the same content changes nothing on nodes.
    let same = side(Some(2), &[("modules/a/x", "1")], &[("modules/a", "1.0.1")]);
    let only = side(Some(1), &[("modules/a/x", "1")], &[("modules/a", "1.0.0")]);
    let review = Review::new(&same.0.environment, Some(&only.0), &same.0, (&Items::new(), &Items::new()));
    let shown = text(&review, ALL);
    assert!(
        !review.changed
            && shown.ends_with("1.0.0 to 1.0.1\n\nproduction: no change from serial 1 to serial 2\n"),
        "{shown}"
    );
}

#[test]
fn code_that_changes_its_owner_is_shown_under_the_new_owner() {
    let theirs = side(Some(1), &[("modules/a/x", "1")], &[("modules/a", "1.0.0")]);
    let ours = side(Some(2), &[("modules/a/x", "2")], &[]);
    let taken = review(&theirs, &ours);
    assert!(text(&taken, NONE).contains("removed  modules/a  example/a  1.0.0, own code in its place\n"));
    assert_eq!(taken.files[0].module, None);
    let given = review(&ours, &theirs);
    assert!(text(&given, NONE).contains("added  modules/a  example/a  1.0.0, in place of own code\n"));
    assert_eq!(given.files[0].module.as_deref(), Some("modules/a"));
    // A path that only starts with the module's name does not belong to the module.
    let beside = side(Some(3), &[("modules/a/x", "1"), ("modules/ab/x", "1")], &[("modules/a", "1.0.0")]);
    assert_eq!(review(&theirs, &beside).files[0].module, None);
}

#[test]
fn an_empty_change_is_one_line() {
    let one = side(Some(4), &[("data/x", "1")], &[]);
    let two = side(None, &[("data/x", "1")], &[]);
    assert_eq!(text(&review(&one, &two), ALL), "production: no change since serial 4\n");
    assert_eq!(
        markdown(&review(&one, &two), ALL, MAX_BYTES),
        "### <code>production</code>: no change since serial 4\n"
    );
    let first = Review::new(&two.0.environment, None, &two.0, (&Items::new(), &two.1));
    assert!(first.changed && text(&first, NONE).contains("since nothing published: 1 file, "));
}

#[test]
fn a_comparison_across_environments_names_both() {
    let mut old = side(Some(7), &[("data/x", "1\n")], &[]);
    old.0.environment = Name::new("staging").unwrap();
    let built = side(None, &[("data/x", "2\n")], &[]);
    assert!(text(&review(&old, &built), NONE).contains("production, since staging serial 7: "));
    let published = side(Some(2), &[("data/x", "2\n")], &[]);
    assert!(
        text(&review(&old, &published), NONE).contains("production, from staging serial 7 to serial 2: ")
    );
}

#[test]
fn no_content_breaks_out_of_markdown() {
    let fence = "```\n</details>\n````\n@everyone\n\u{202e}\u{1b}[2J\n";
    let name = "data/|`</summary><b>@all_\u{202e}";
    let old = side(Some(1), &[("data/x", "")], &[]);
    let new = side(
        Some(2),
        &[("data/x", fence), (name, ""), ("modules/m|`/x", "1")],
        &[("modules/m|`", "1.0|`</details>")],
    );
    let page = markdown(&review(&old, &new), ALL, MAX_BYTES);
    assert!(
        page.contains("\n`````diff\n") && page.contains("\n+````\n") && page.contains("\n`````\n"),
        "{page}"
    );
    assert!(!page.contains('\u{202e}') && !page.contains('\u{1b}') && page.contains("<U+202E>"), "{page}");
    let row = page.lines().find(|line| line.starts_with("| <code>")).unwrap();
    assert_eq!(row.matches('|').count(), 4, "{row}");
    assert!(!row.contains('`') && !row.contains("</details>"), "{row}");
    let summaries: Vec<&str> = page.lines().filter(|line| line.contains("<summary>")).collect();
    assert!(summaries.iter().all(|line| line.matches("</summary>").count() == 1), "{summaries:?}");
}

#[test]
fn markdown_has_a_limit_and_counts_what_it_leaves_out() {
    let long = "line\n".repeat(4000);
    let names: Vec<String> = (0..9).map(|n| format!("data/{n}")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (&**name, &*long)).collect();
    let page = markdown(&review(&side(Some(1), &[], &[]), &side(None, &files, &[])), ALL, MAX_BYTES);
    assert!(page.len() < MAX_BYTES + 200 && page.len() > MAX_BYTES / 2, "{}", page.len());
    assert!(
        page.ends_with("</details>\n\n7 parts not shown: run `stringless diff`.\n"),
        "{}",
        &page[page.len() - 200..]
    );
}
