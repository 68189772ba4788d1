//! Secret keys in minisign's file format: makes them with mode 0600, and unlocks them.

use std::fs::{self, OpenOptions};
use std::io::{IsTerminal, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::{env, fmt};

use base64ct::{Base64, Encoding};
use minisign::{KeyPair, SecretKeyBox};
use stringless_core::key::PublicKey;

use crate::error::{Error, Result};

/// An unlocked secret key. Its `Debug` form shows only the id.
pub struct SecretKey {
    secret: minisign::SecretKey,
    public: PublicKey,
}

/// How a new key is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// By the password in `STRINGLESS_PASSWORD`, or by one that is typed on the terminal.
    Password,
    /// Only by the mode of its file.
    None,
}

/// The environment variable with the password.
pub const PASSWORD: &str = "STRINGLESS_PASSWORD";

impl SecretKey {
    /// Makes a key pair: the secret key at `path` with mode 0600, and the public key beside it.
    ///
    /// # Errors
    /// When one of the files exists, or there is no password.
    pub fn create(path: &Path, protection: Protection) -> Result<Self> {
        let public_path = public_path(path);
        for path in [path, &public_path] {
            if path.symlink_metadata().is_ok() {
                return Err(Error::refused(format!("writing key `{}`: it exists already", path.display()))
                    .hint("choose another name; an existing key is never overwritten"));
            }
        }
        let plain = KeyPair::generate_unencrypted_keypair().map_err(|e| failed("making", path, &e))?;
        // `finish` reads the key back from its text, because encryption changes the key in memory.
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

    /// Reads and unlocks the key at `path`. Keys that minisign made can be used, too.
    ///
    /// # Errors
    /// When users other than the owner can read it, it is no minisign key, or the password is wrong.
    pub fn open(path: &Path) -> Result<Self> {
        let metadata = fs::metadata(path).map_err(|e| {
            Error::configuration(format!("reading key `{}`: {e}", path.display()))
                .hint("`--key FILE` names it; `stringless keygen FILE` makes one")
        })?;
        if metadata.mode() & 0o077 != 0 {
            return Err(Error::refused(format!(
                "reading key `{}`: other users can read it (mode {:04o})",
                path.display(),
                metadata.mode() & 0o7777
            ))
            .hint(format!("chmod 600 {}", path.display())));
        }
        let bytes = if metadata.len() > MAX_KEY_FILE {
            Vec::new()
        } else {
            fs::read(path).map_err(|e| Error::io("reading key", path, e))?
        };
        if let Some((why, hint)) = why_no_key(metadata.len(), &bytes) {
            return Err(Error::configuration(format!("reading key `{}`: {why}", path.display())).hint(hint));
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let password = if encrypted(&text) { Some(password(path)?) } else { None };
        Self::unlock(path, &text, password)
    }

    /// The public key.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs `payload`; returns the four lines of a minisign signature.
    ///
    /// # Errors
    /// When the system provides no random numbers.
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
            let ends = given_password().is_some_and(|password| password.ends_with(['\n', '\r']));
            match (encrypted(text), ends) {
                (true, true) => {
                    error.hint(format!("`{PASSWORD}` ends with a line break, which counts as part of it"))
                }
                (true, false) => error.hint(format!("check `{PASSWORD}`")),
                (false, _) => error.hint("the file is damaged: restore it from a copy"),
            }
        })?;
        let pair = minisign::PublicKey::from_secret_key(&secret).map_err(|e| failed("reading", path, &e))?;
        // If the secret and the public key do not belong together, nobody could verify the signatures.
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

/// The file of the public key that belongs to the secret key at `path`: the same name, ending in `.pub`.
pub fn public_path(path: &Path) -> PathBuf {
    path.with_extension("pub")
}

/// Whether `bytes` contain a minisign secret key anywhere, encrypted or not.
pub fn holds_secret_key(bytes: &[u8]) -> bool {
    SECRET_STARTS.iter().any(|start| {
        bytes.windows(start.len()).enumerate().filter(|(_, w)| w == start).any(|(at, _)| {
            let rest = &bytes[at..];
            let base64 = |b: &&u8| b.is_ascii_alphanumeric() || matches!(**b, b'+' | b'/' | b'=');
            rest.iter().take_while(base64).count() >= SECRET_LENGTH
        })
    })
}

/// A key that `minisign -G -W` made: such a key has no password, and its checksum is empty.
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

/// Why the bytes of a file of this size are no secret key, and what to do; `None` if they are one.
fn why_no_key(size: u64, bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().nth(1).unwrap_or_default().as_bytes();
    if SECRET_STARTS.iter().any(|start| line.starts_with(start)) {
        return None;
    }
    let holds = |part: &str| text.contains(part);
    Some(if size == 0 && bytes.is_empty() {
        ("it is empty", "restore it from a copy; `stringless keygen FILE` makes a new key")
    } else if text.lines().any(|line| PublicKey::parse(line.trim()).is_ok()) {
        (
            "it is a public key, and a secret key signs",
            "the secret key is in the file beside it that does not end in .pub",
        )
    } else if holds("OPENSSH PRIVATE KEY") || holds("ssh-ed25519 ") || holds("ssh-rsa ") {
        ("it is a key of OpenSSH, not of minisign", MAKE)
    } else if holds("PGP ") {
        ("it is a key of OpenPGP, not of minisign", MAKE)
    } else if holds("BEGIN ") && holds("PRIVATE KEY") {
        ("it is a key in PEM form, not of minisign", MAKE)
    } else {
        ("it is not a minisign secret key", MAKE)
    })
}

/// Whether the key needs a password. A key without one begins, in its second line, with the algorithm `Ed` and two
/// zero bytes in place of the key derivation.
fn encrypted(text: &str) -> bool {
    !text.lines().nth(1).is_some_and(|line| line.as_bytes().starts_with(SECRET_STARTS[1]))
}

fn password(path: &Path) -> Result<String> {
    if let Some(password) = given_password() {
        return Ok(password);
    }
    ask_password(path, &format!("password of {}: ", path.display()))
}

fn new_password(path: &Path) -> Result<String> {
    if let Some(password) = given_password() {
        return Ok(password);
    }
    let first = not_empty(path, ask_password(path, &format!("new password for {}: ", path.display()))?)?;
    let repeated = ask_password(path, "repeat the password: ")?;
    if first != repeated {
        return Err(Error::usage(format!("making key `{}`: the passwords differ", path.display())));
    }
    Ok(first)
}

/// The password in the environment. An empty variable does not count: a pipeline without the secret sets it so.
fn given_password() -> Option<String> {
    env::var(PASSWORD).ok().filter(|password| !password.is_empty())
}

fn not_empty(path: &Path, password: String) -> Result<String> {
    if password.is_empty() {
        return Err(Error::usage(format!("making key `{}`: the password is empty", path.display()))
            .hint("`--no-password` makes a key that only the mode of its file protects"));
    }
    Ok(password)
}

fn ask_password(path: &Path, question: &str) -> Result<String> {
    let no_terminal = || {
        Error::configuration(format!(
            "unlocking key `{}`: it needs a password, and there is no terminal to ask for it",
            path.display()
        ))
        .hint(format!("set `{PASSWORD}`, or make a key without a password: `--no-password`"))
    };
    if !std::io::stdin().is_terminal() {
        return Err(no_terminal());
    }
    rpassword::prompt_password(question).map_err(|_| no_terminal())
}

fn failed(doing: &str, path: &Path, cause: &minisign::PError) -> Error {
    Error::configuration(format!("{doing} key `{}`: {cause}", path.display()))
}

/// How a secret key begins, in base64: `Ed`; `Sc` for scrypt, or two zero bytes for no password; `B2` for the kind of
/// its checksum.
const SECRET_STARTS: [&[u8]; 2] = [b"RWRTY0Iy", b"RWQAAEIy"];
const SECRET_BYTES: usize = 158;
/// The length of a secret key in base64, without the last characters, which depend on the padding.
const SECRET_LENGTH: usize = 208;
const MAX_KEY_FILE: u64 = 4096;
const MAKE: &str =
    "`stringless keygen FILE`, or `minisign -G`, makes a key; `stringless keys add` adds it to the site";

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_new_key_pair_can_be_read() {
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
    fn an_existing_key_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("release.key");
        fs::write(folder.path().join("release.pub"), "x").unwrap();
        let error = SecretKey::create(&path, Protection::None).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(!path.exists());
    }

    #[test]
    fn a_key_that_other_users_can_read_is_refused() {
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
    fn an_empty_password_is_refused() {
        assert_eq!(not_empty(Path::new("k"), String::new()).unwrap_err().exit_code(), 64);
        assert_eq!(not_empty(Path::new("k"), "p".into()).unwrap(), "p");
    }

    #[test]
    fn a_file_that_is_no_key_asks_for_no_password() {
        let folder = tempfile::tempdir().unwrap();
        let pair = folder.path().join("pair.key");
        let key = SecretKey::create(&pair, Protection::None).unwrap();
        let public = format!("untrusted comment: x\n{}\n", key.public().as_str());
        let large = "x".repeat(5000);
        let cases: [(&str, &[u8], &str); 9] = [
            ("empty", b"", "it is empty"),
            ("comment", b"untrusted comment: x\n", "not a minisign secret key"),
            ("cut", b"x\nRWQAAEIyAAAA\n", "reading key"),
            ("public", public.as_bytes(), "it is a public key"),
            ("ssh", b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n", "OpenSSH"),
            ("pem", b"-----BEGIN EC PRIVATE KEY-----\nb3Bl\n", "PEM"),
            ("pgp", b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n", "OpenPGP"),
            ("latin", b"caf\xe9\n\xe9\n", "not a minisign secret key"),
            ("large", large.as_bytes(), "not a minisign secret key"),
        ];
        for (name, bytes, why) in cases {
            let path = folder.path().join(name);
            write_private(&path, bytes).unwrap();
            let error = SecretKey::open(&path).unwrap_err();
            assert_eq!(error.exit_code(), 78, "{name}: {error}");
            assert!(
                error.to_string().contains(why) && !error.to_string().contains("password"),
                "{name}: {error}"
            );
            assert!(error.hint_text().is_some(), "{name}: {error}");
        }
    }
}
