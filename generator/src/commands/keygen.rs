//! `stringless keygen`.

use crate::cli::KeygenArgs;
use crate::error::Result;
use crate::output::print;
use crate::trust::secret_key::{Protection, SecretKey, public_path};

/// Makes a key pair.
///
/// # Errors
/// When a file exists, or cannot be written.
pub fn run(args: &KeygenArgs) -> Result<u8> {
    let public = public_path(&args.path);
    if args.dry_run {
        print::out(&format!("would write {} and {}\n", args.path.display(), public.display()))?;
        return Ok(0);
    }
    let protection = if args.no_password { Protection::None } else { Protection::Password };
    let key = SecretKey::create(&args.path, protection)?;
    print::out(&format!(
        "key {}\nsecret  {}\npublic  {}\n        {}\n",
        key.public().id(),
        args.path.display(),
        public.display(),
        key.public().as_str()
    ))?;
    Ok(0)
}
