//! Files of a control repo that are right, and files that are wrong.

/// Files of good form, some of which look odd.
pub const GOOD: &[(&str, &str)] = &[
    ("manifests/site.pp", "node default { notice(\"${facts['os']}\") }\n"),
    ("modules/a/plans/deploy.pp", "plan a::deploy(TargetSpec $t) { return run_command('true', $t) }\n"),
    ("modules/a/templates/x.conf.epp", "<%- | String $a | -%>\n<% if $a { -%>\n<%= $a %>\n<% } -%>\n"),
    (
        "modules/a/templates/x.conf.erb",
        "<%# é -%>\n<% BEGIN { File.write('ran', '') } -%>\n<% [1].each do |x| -%>\n<%= x -%>\n<% end -%>\n",
    ),
    ("modules/a/templates/x.yaml", "{{ not yaml\n"),
    ("modules/a/spec/fixtures/bad.pp", "class {{{\n"),
    (
        "hiera.yaml",
        "version: 5\nhierarchy:\n  - {name: all, path: common.yaml}\n  - {name: more, glob: '*.yaml'}\n",
    ),
    ("data/common.yaml", "---\na: &x {b: 1}\nc: {<<: *x}\nd: ENC[PKCS7,abc]\n"),
    (".vscode/settings.json", "// a comment\n{}\n"),
];

/// Files with faults: each is reported.
pub const BAD: &[(&str, &str)] = &[
    ("manifests/--bad.pp", "class a {\n  notice('x'\n}\n"),
    ("manifests/$(touch ran).pp", "notice 1)\n"),
    ("manifests/two.pp", "class a {\n  1 = 2\n  function x() {}\n}\n"),
    ("templates/bad.epp", "x\n<% if $a { %>\n"),
    ("templates/two.epp", "x\n<% 1 = 2 %>\n<% $a b %>\n"),
    ("templates/bad.erb", "x\n<% if a do %>\ny\n"),
    ("data/broken.yaml", "a: 1\nb: [1, 2\nc: 3\n"),
    ("data/twice.yaml", "a: 1\nb: 2\na: 3\n"),
    ("data/lost/x.yaml", "a: 1\n"),
    ("metadata.json", "{\n\"a\": 1,\n}\n"),
];
