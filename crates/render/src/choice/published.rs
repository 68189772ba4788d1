//! What is published of an environment → the lowest serial that a new node accepts.

use stringless_core::fault::Fault;
use stringless_core::name::Name;

/// What a new node of an environment finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// No release yet.
    Nothing,
    /// Releases, of which the stable one has this serial.
    Release(u64),
    /// The end of the environment.
    Retired,
}

impl Published {
    /// The serial of the stable release, if there is one.
    ///
    /// # Errors
    /// When `environment`, whose state this is, was retired: no node may start with it.
    pub fn serial(self, environment: &Name) -> Result<Option<u64>, Fault> {
        match self {
            Self::Nothing => Ok(None),
            Self::Release(serial) => Ok(Some(serial)),
            Self::Retired => Err(Fault::new(format!(
                "rendering for `{environment}`: the environment was retired"
            ))
            .hint(format!("name another one, or publish it again: `stringless publish -e {environment}`"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_retired_environment_is_refused() {
        let name = Name::new("staging").unwrap();
        assert_eq!(Published::Nothing.serial(&name), Ok(None));
        assert_eq!(Published::Release(12).serial(&name), Ok(Some(12)));
        let fault = Published::Retired.serial(&name).unwrap_err();
        assert_eq!(fault.message, "rendering for `staging`: the environment was retired");
        assert!(fault.hint.unwrap().ends_with("`stringless publish -e staging`"));
    }
}
