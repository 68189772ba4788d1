//! The build that `--as packer` renders, read without Packer; that Packer reads it so has tests of its own.

/// The scripts of its provisioners, in their order.
///
/// # Panics
/// When they do not stand in the build as they should.
#[must_use]
pub fn steps(hcl: &str) -> Vec<String> {
    let parts = hcl.split("inline = [<<STRINGLESS\n").skip(1);
    let text =
        |part: &str| part.split_once("\nSTRINGLESS\n").unwrap().0.replace("$${", "${").replace("%%{", "%{");
    parts.map(|part| text(part) + "\n").collect()
}
