//! The secret keys on this machine.

use std::fs;
use std::os::unix::fs::MetadataExt;

use stringless_core::trust::Trust;

use super::findings::Findings;
use crate::error::Error;
use crate::site::SiteDir;
use crate::trust::signer;

/// Checks each secret key in `keys/`. Returns whether they reach the threshold of `trust`.
pub fn check(site: &SiteDir, trust: &Trust, list: &mut Findings) -> bool {
    let mut trusted = 0;
    for path in site.secret_keys() {
        let shown = path.display();
        let public = signer::public_key(&path);
        let key = trust.keys.iter().find(|key| public.as_ref().is_ok_and(|public| *public == key.key));
        let mode = fs::metadata(&path).map_or(0, |metadata| metadata.mode() & 0o777);
        if mode & 0o077 != 0 {
            let message = format!("other users can read `{shown}` (mode {mode:04o})");
            let error = Error::refused(message).hint(format!("chmod 600 {shown}"));
            list.add::<()>("keys", Err(error));
        }
        let fleet = trust.fleet.iter().find(|key| public.as_ref().is_ok_and(|public| *public == key.key));
        match (key, public) {
            _ if let Some(key) = fleet => {
                list.ok("keys", format!("`{shown}` is the fleet key `{}`, {}", key.name, key.id));
            }
            (Some(key), _) => {
                trusted += 1;
                list.ok("keys", format!("`{shown}` is `{}`, {}", key.name, key.id));
            }
            (None, Err(error)) => drop(list.add::<()>("keys", Err(error))),
            (None, Ok(_)) => {
                list.warn(
                    "keys",
                    format!("`{shown}` is not in the newest trust"),
                    "nodes do not accept its signatures",
                );
            }
        }
    }
    if trusted < trust.threshold {
        let message = format!("{trusted} of {} needed keys are in `{}`", trust.threshold, crate::site::KEYS);
        list.warn(
            "keys",
            message,
            "publishing from here needs `--key FILE`, or signatures from elsewhere: `stringless submit`",
        );
    }
    trusted >= trust.threshold
}
