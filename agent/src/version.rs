//! The version of this agent and the target that it was built for.

use std::hint::black_box;
use std::sync::LazyLock;

use stringless_core::name::Name;
use stringless_core::version::Version;

/// Stands in the file as it is here, so that a test can make an agent of another version from the same code.
static MARK: &str = concat!("version of this agent: ", env!("CARGO_PKG_VERSION"), "\n");

/// The version as text.
pub fn text() -> &'static str {
    black_box(MARK).trim_start_matches("version of this agent: ").trim_end()
}

/// The version.
///
/// # Panics
/// Never: Cargo.toml has three numbers.
pub fn own() -> Version {
    Version::parse(text()).unwrap_or_else(|error| panic!("{error}"))
}

/// The target whose file in a manifest is for this node, as `x86_64-unknown-linux-musl`.
pub fn target() -> Option<&'static Name> {
    static TARGET: LazyLock<Option<Name>> = LazyLock::new(|| {
        let cpu = match std::env::consts::ARCH {
            "riscv64" => "riscv64gc",
            cpu => cpu,
        };
        let system = match std::env::consts::OS {
            "linux" => "linux-musl",
            system => system,
        };
        Name::new(&format!("{cpu}-unknown-{system}")).ok()
    });
    TARGET.as_ref()
}
