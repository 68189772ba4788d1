//! Secret keys in minisign's file format: made, kept at mode 0600, unlocked.

use std::fs::{self, OpenOptions};
use std::io::{IsTerminal, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::{env, fmt};

use base64ct::{Base64, Encoding};
use minisign::{KeyPair, SecretKeyBox};
use stringless_core::key::PublicKey;

use crate::error::{Error, Result};

/// A secret key, unlocked. Its `Debug` form shows the id alone.
pub struct SecretKey {
    secret: minisign::SecretKey,
    public: PublicKey,
}

/// How a new key is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// By `STRINGLESS_PASSWORD`, or by a password asked for on the terminal.
    Password,
    /// By the file's mode alone.
    None,
}

/// The variable that answers the question for a password.
pub const PASSWORD: &str = "STRINGLESS_PASSWORD";

impl SecretKey {
    /// Makes a key pair: the secret key at `path` (0600), the public key beside it.
    ///
    /// # Errors
    /// When either file exists, or no password can be had.
    pub fn create(path: &Path, protection: Protection) -> Result<Self> {
        let public_path = public_path(path);
        for path in [path, &public_path] {
            if path.symlink_metadata().is_ok() {
                return Err(Error::refused(format!("writing key `{}`: it exists already", path.display()))
                    .hint("choose another name; a key in use is never written over"));
            }
        }
        let plain = KeyPair::generate_unencrypted_keypair().map_err(|e| failed("making", path, &e))?;
        // The pair on disk is another object than the one in use: encryption changes it in place.
        let boxed = match protection {
            Protection::None => plain.sk.to_box(Some("stringless secret key")),
            Protection::Password => {
                let password = new_password(path)?;
                let pair = KeyPair::generate_encrypted_keypair(Some(password.clone()))
                    .map_err(|e| failed("making", path, &e))?;
                let boxed = pair.sk.to_box(Some("stringless encrypted secret key"));
                let boxed = boxed.map_err(|e| failed("making", path, &e))?;
                write_private(path, &boxed.to_bytes())?;
                return finish(path, &public_path, &boxed.into_string(), Some(password));
            }
        };
        let boxed = boxed.map_err(|e| failed("making", path, &e))?;
        write_private(path, &boxed.to_bytes())?;
        finish(path, &public_path, &boxed.into_string(), None)
    }

    /// Reads and unlocks the key at `path`; keys of stock minisign are as good.
    ///
    /// # Errors
    /// When others than the owner can read it, it is no minisign key, or the password is wrong.
    pub fn open(path: &Path) -> Result<Self> {
        let metadata = fs::metadata(path).map_err(|e| {
            Error::configuration(format!("reading key `{}`: {e}", path.display()))
                .hint("`--key FILE` names it; `stringless keygen FILE` makes one")
        })?;
        if metadata.mode() & 0o077 != 0 {
            return Err(Error::refused(format!(
                "reading key `{}`: others than its owner can read it (mode {:04o})",
                path.display(),
                metadata.mode() & 0o7777
            ))
            .hint(format!("chmod 600 {}", path.display())));
        }
        if metadata.len() > MAX_KEY_FILE {
            return Err(Error::configuration(format!(
                "reading key `{}`: not a minisign key",
                path.display()
            )));
        }
        let text = fs::read_to_string(path).map_err(|e| Error::io("reading key", path, e))?;
        let password = if encrypted(&text) { Some(password(path)?) } else { None };
        Self::unlock(path, &text, password)
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The four-line block of minisign over `payload`.
    ///
    /// # Errors
    /// When the machine has no random numbers.
    pub fn sign(&self, payload: &[u8], comment: &str) -> Result<String> {
        let untrusted = format!("signature by stringless key {}", self.public.id());
        let signature = minisign::sign(None, &self.secret, payload, Some(comment), Some(&untrusted));
        let signature = signature.map_err(|e| Error::temporary(format!("signing `{comment}`: {e}")))?;
        Ok(signature.into_string())
    }

    fn unlock(path: &Path, text: &str, password: Option<String>) -> Result<Self> {
        let boxed = SecretKeyBox::from(text.to_owned());
        let opened = match password {
            Some(password) => boxed.into_secret_key(Some(password)),
            None => boxed.into_unencrypted_secret_key().or_else(|e| without_checksum(text).ok_or(e)),
        };
        let secret = opened.map_err(|e| {
            let error = failed("reading", path, &e);
            if encrypted(text) { error.hint(format!("is `{PASSWORD}` that of this key?")) } else { error }
        })?;
        let pair = minisign::PublicKey::from_secret_key(&secret).map_err(|e| failed("reading", path, &e))?;
        // A key whose halves do not fit would sign what nobody can verify.
        minisign::sign(Some(&pair), &secret, &b""[..], None, None)
            .map_err(|e| failed("reading", path, &e))?;
        let public = PublicKey::parse(&pair.to_base64())
            .map_err(|e| Error::configuration(format!("reading key `{}`: {e}", path.display())))?;
        Ok(Self { secret, public })
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.public.id())
    }
}

/// Where the public key of the secret key at `path` lies: the same name, ending in `.pub`.
pub fn public_path(path: &Path) -> PathBuf {
    path.with_extension("pub")
}

/// Whether `bytes` hold a minisign secret key, locked or not, at any place.
pub fn holds_secret_key(bytes: &[u8]) -> bool {
    SECRET_STARTS.iter().any(|start| {
        bytes.windows(start.len()).enumerate().filter(|(_, w)| w == start).any(|(at, _)| {
            let rest = &bytes[at..];
            let base64 = |b: &&u8| b.is_ascii_alphanumeric() || matches!(**b, b'+' | b'/' | b'=');
            rest.iter().take_while(base64).count() >= SECRET_LENGTH
        })
    })
}

/// The key of stock `minisign -G -W`: it leaves the checksum of an unlocked key empty.
fn without_checksum(text: &str) -> Option<minisign::SecretKey> {
    let bytes = Base64::decode_vec(text.lines().nth(1)?).ok()?;
    let (_, checksum) = bytes.split_last_chunk::<32>()?;
    if bytes.len() != SECRET_BYTES || *checksum != [0; 32] {
        return None;
    }
    minisign::SecretKey::from_bytes(&bytes).ok()
}

fn finish(path: &Path, public_path: &Path, text: &str, password: Option<String>) -> Result<SecretKey> {
    let key = SecretKey::unlock(path, text, password)?;
    let (id, line) = (key.public.id(), key.public.as_str());
    let text = format!("untrusted comment: minisign public key {id}\n{line}\n");
    fs::write(public_path, text).map_err(|e| Error::io("writing", public_path, e))?;
    Ok(key)
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = open.map_err(|e| Error::io("writing", path, e))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|e| Error::io("writing", path, e))
}

/// The second line's first bytes: algorithm `Ed`, then a key derivation of zeros for "none".
fn encrypted(text: &str) -> bool {
    !text.lines().nth(1).is_some_and(|line| line.as_bytes().starts_with(SECRET_STARTS[1]))
}

fn password(path: &Path) -> Result<String> {
    if let Some(password) = given_password() {
        return Ok(password);
    }
    ask(path, &format!("password of {}: ", path.display()))
}

fn new_password(path: &Path) -> Result<String> {
    if let Some(password) = given_password() {
        return Ok(password);
    }
    let first = not_empty(path, ask(path, &format!("new password for {}: ", path.display()))?)?;
    let again = ask(path, "the same again: ")?;
    if first != again {
        return Err(Error::usage(format!("making key `{}`: the passwords differ", path.display())));
    }
    Ok(first)
}

/// An empty variable is what a pipeline makes of a secret that it does not have.
fn given_password() -> Option<String> {
    env::var(PASSWORD).ok().filter(|password| !password.is_empty())
}

fn not_empty(path: &Path, password: String) -> Result<String> {
    if password.is_empty() {
        return Err(Error::usage(format!("making key `{}`: the password is empty", path.display()))
            .hint("`--no-password` makes a key that its file's mode alone protects"));
    }
    Ok(password)
}

fn ask(path: &Path, question: &str) -> Result<String> {
    let nobody = || {
        Error::configuration(format!(
            "unlocking key `{}`: there is nobody to ask for its password",
            path.display()
        ))
        .hint(format!("set `{PASSWORD}`, or make a key without a password: `--no-password`"))
    };
    if !std::io::stdin().is_terminal() {
        return Err(nobody());
    }
    rpassword::prompt_password(question).map_err(|_| nobody())
}

fn failed(doing: &str, path: &Path, cause: &minisign::PError) -> Error {
    Error::configuration(format!("{doing} key `{}`: {cause}", path.display()))
}

/// Base64 of `Ed`, `Sc` (scrypt) or two zeros (none), `B2` (the checksum's kind).
const SECRET_STARTS: [&[u8]; 2] = [b"RWRTY0Iy", b"RWQAAEIy"];
const SECRET_BYTES: usize = 158;
/// Of those in base64, without padding and what depends on it.
const SECRET_LENGTH: usize = 208;
const MAX_KEY_FILE: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn makes_a_pair_that_it_reads_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("release.key");
        let made = SecretKey::create(&path, Protection::None).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let read = SecretKey::open(&path).unwrap();
        assert_eq!(made.public(), read.public());
        let public = fs::read_to_string(folder.path().join("release.pub")).unwrap();
        assert_eq!(public.lines().nth(1), Some(made.public().as_str()));
        assert!(holds_secret_key(&fs::read(&path).unwrap()));
        assert!(!holds_secret_key(public.as_bytes()));
        assert_eq!(format!("{made:?}"), format!("SecretKey({})", made.public().id()));
    }

    #[test]
    fn refuses_to_write_over_a_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("release.key");
        fs::write(folder.path().join("release.pub"), "x").unwrap();
        let error = SecretKey::create(&path, Protection::None).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(!path.exists());
    }

    #[test]
    fn refuses_a_key_that_others_can_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("release.key");
        SecretKey::create(&path, Protection::None).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o644] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = SecretKey::open(&path).unwrap_err();
            assert!(error.hint_text().unwrap().starts_with("chmod 600 "), "{error}");
        }
    }

    #[test]
    fn a_new_password_is_not_empty() {
        assert_eq!(not_empty(Path::new("k"), String::new()).unwrap_err().exit_code(), 64);
        assert_eq!(not_empty(Path::new("k"), "p".into()).unwrap(), "p");
    }

    #[test]
    fn refuses_what_is_no_key() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("empty", ""), ("one", "untrusted comment: x\n"), ("bad", "x\nRWQAAEIyAAAA\n")] {
            let path = folder.path().join(name);
            write_private(&path, text.as_bytes()).unwrap();
            assert_eq!(SecretKey::open(&path).unwrap_err().exit_code(), 78, "{name}");
        }
    }
}
