//! Packs the relocations of the static program, which are a thirtieth of its size. The start of musl applies them.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ENV").as_deref() == Ok("musl") {
        // Linkers that do not know the option warn, and leave the relocations as they are.
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
