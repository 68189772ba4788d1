//! A Puppetfile with any text: it is parsed, or refused with a position in the text; and module paths stay in
//! the release.
#![no_main]

use fuzz::puppetfile::Puppetfile;
use fuzz::{seed, start};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: start(seeds), |input: &[u8]| {
    match input.split_first() {
        Some((0, text)) => {
            if let Ok(text) = std::str::from_utf8(text) {
                read(text);
            }
        }
        Some((_, rest)) => read(&put_together(rest)),
        None => {}
    }
});

fn read(text: &str) {
    match Puppetfile::parse(text, "P") {
        Ok(file) => allowed(&file),
        Err(fault) => {
            assert!(fault.hint.is_some_and(|hint| !hint.is_empty()));
            let mut place = fault.message.strip_prefix("reading P:").unwrap().split(':');
            let mut number = || place.next().unwrap().parse::<usize>().unwrap();
            let (line, column) = (number(), number());
            let line = text.split('\n').nth(line - 1).unwrap();
            assert!((1..=line.chars().count() + 1).contains(&column));
        }
    }
}

fn allowed(file: &Puppetfile) {
    let mut names = Vec::new();
    for module in &file.modules {
        let path = module.path();
        assert!(path.split('/').all(|part| !matches!(part, "" | "." | "..")), "{path:?}");
        assert!(!path.chars().any(char::is_control), "{path:?}");
        assert!(path.ends_with(module.name()) && !names.contains(&module.name()), "{path:?}");
        names.push(module.name());
    }
}

/// Joins meaningful parts in any order, because random bytes seldom make a second statement.
fn put_together(bytes: &[u8]) -> String {
    bytes.iter().map(|n| PARTS[usize::from(*n) % PARTS.len()]).collect()
}

fn seeds() -> Vec<Vec<u8>> {
    let whole = "forge 'https://forge.test'\nmoduledir 'x'\nmod 'a/b', '1.2.3'\nmod('c/d', :latest)\n\
        mod 'm', :git => 'https://git.test/m', :branch => :control_branch, default_branch: \"main\"\n\
        mod 'n', {type: 'tarball', source: '/n.tar.gz', install_path: 'site'} # why\n=begin\n=end\n__END__\n";
    vec![
        seed(0, whole),
        seed(0, "mod %q(a/b), \\\n '1.2.3'"),
        seed(0, "if x\nmod 'a/b'\nend"),
        seed(1, (0..=255).collect::<Vec<u8>>()),
    ]
}

const PARTS: &[&str] = &[
    "mod ",
    "mod(",
    "forge ",
    "moduledir ",
    "'a/b'",
    "'a-c'",
    "'m'",
    "'../x'",
    "'x/y'",
    "'1.2.3'",
    "'https://x.test'",
    "\"",
    "'",
    ", ",
    ",\n",
    "\n",
    "\r\n",
    ";",
    " ",
    "git: ",
    ":git => ",
    "tag: ",
    "branch: ",
    ":control_branch",
    "type: ",
    "'git'",
    "'forge'",
    "'tarball'",
    "source: ",
    "version: ",
    "'/x'",
    "local: true",
    "exclude_spec: true",
    "install_path: ",
    "default_branch: ",
    ":latest",
    "nil",
    "{",
    "}",
    ")",
    "#",
    "#{",
    "%q(",
    "%",
    "\\",
    "=begin\n",
    "=end\n",
    "__END__\n",
    "if ",
    "x = ",
    "<<~X",
    "é",
    "\u{feff}",
    ":",
    "=>",
    "1.0",
];
