//! What others may do in a bucket: nodes, and those without any keys.

use std::env;

use stringless_core::layout;
use stringless_core::sigv4::Credentials;
use stringless_core::store::StoreSettings;
use stringless_render::STATIC_KEYS;
use stringless_render::site::CredentialKind;

use super::Doctor;
use super::findings::Findings;
use crate::error::{Error, Result};
use crate::site::stores::ca_pem;
use crate::store::{Asked, Store};

impl Doctor<'_> {
    /// Tries what the nodes' keys, and requests without keys, may do.
    /// `published` is whether there is anything to read: a store may refuse to say that an object is missing.
    pub(super) fn access(self, settings: &StoreSettings, what: &str, published: bool, list: &mut Findings) {
        if let Err(error) = self.without_keys(settings, what, published, list) {
            list.error(what, &error);
        }
        if let Err(error) = self.with_keys_of_nodes(settings, what, published, list) {
            list.error(what, &error);
        }
    }

    fn without_keys(
        self,
        settings: &StoreSettings,
        what: &str,
        published: bool,
        list: &mut Findings,
    ) -> Result<()> {
        let ca = ca_pem(self.site)?;
        let Some(store) = Store::open_without_keys(settings, ca.as_deref().map(str::as_bytes))? else {
            return Ok(());
        };
        let kinds = &self.site.site.node.credentials;
        let public = !kinds.is_empty() && kinds.iter().all(|kind| *kind == CredentialKind::None);
        let Some(reply) = store.ask(&layout::trust(1), Asked::Read)? else { return Ok(()) };
        match (reply.status, public) {
            _ if !published => not_published(what, "whether it can be read without keys", list),
            (200, true) => list.ok(what, "nodes read it without keys".into()),
            (200, false) => list.warn(
                what,
                "everybody can read it, without keys".into(),
                "close it (`stringless policy`), or set `node.credentials: [none]` if that is meant",
            ),
            (401 | 403, false) => list.ok(what, "nobody reads it without keys".into()),
            (401 | 403, true) => list.error(
                what,
                &Error::refused("nodes cannot read it: `node.credentials` is `none`, and it wants keys")
                    .hint("open it for reading (`stringless policy`), or give nodes a role or keys"),
            ),
            _ => {}
        }
        self.cannot_write(&store, "somebody without keys", what, list)
    }

    fn with_keys_of_nodes(
        self,
        settings: &StoreSettings,
        what: &str,
        published: bool,
        list: &mut Findings,
    ) -> Result<()> {
        let ca = ca_pem(self.site)?;
        let Some(keys) = static_keys() else {
            if settings.url.starts_with("s3://") {
                let message = "what the nodes' keys may do".to_owned();
                list.not_checked(
                    what,
                    message,
                    &format!("set `{}` and `{}`", STATIC_KEYS[0], STATIC_KEYS[1]),
                );
            }
            return Ok(());
        };
        let Some(store) = Store::open_with(settings, ca.as_deref().map(str::as_bytes), keys)? else {
            return Ok(());
        };
        let Some(reply) = store.ask(&layout::trust(1), Asked::Read)? else { return Ok(()) };
        match reply.status {
            _ if !published => not_published(what, "whether the nodes' keys may read", list),
            200 => list.ok(what, "the nodes' keys may read".into()),
            status => list.error(
                what,
                &Error::refused(format!("the nodes' keys may not read: the store answers {status}"))
                    .hint("`stringless policy` prints what they need"),
            ),
        }
        self.cannot_write(&store, "a node", what, list)
    }

    /// Tries to add an object where a release has its packs, and to remove it. Where both are refused, as they should
    /// be, nothing is written.
    fn cannot_write(self, store: &Store, whose: &str, what: &str, list: &mut Findings) -> Result<()> {
        if !self.write {
            list.not_checked(what, format!("whether {whose} can write"), "`--write` tries it");
            return Ok(());
        }
        let mut written = false;
        for (asked, can) in [(Asked::Add(BYTES), "write to"), (Asked::Remove, "remove objects from")] {
            let Some(reply) = store.ask(OBJECT, asked)? else { continue };
            let removes = matches!(asked, Asked::Remove);
            if reply.is_denied() {
                list.ok(what, format!("{whose} cannot {can} it"));
                if removes && written {
                    let stays = format!("what {whose} could write stays: `{}`", store.url(OBJECT));
                    list.warn(what, stays, "remove it with a key of the bucket's owner");
                }
            } else if reply.status == 404 && !removes {
                let message = format!("whether {whose} can {can} it: the store answers 404");
                list.not_checked(what, message, "is there such a bucket?");
                return Ok(());
            } else if reply.is_allowed(asked) {
                written |= !removes;
                let error = Error::refused(format!("{whose} can {can} it"));
                list.error(what, &error.hint("`stringless policy` prints a policy that forbids it"));
            } else {
                let message = format!("whether {whose} can {can} it: the store answers {}", reply.status);
                list.not_checked(what, message, "run it again");
            }
        }
        Ok(())
    }
}

fn not_published(what: &str, whether: &str, list: &mut Findings) {
    list.not_checked(what, format!("{whether}: nothing is published yet"), "`stringless publish`");
}

/// The keys that `stringless render` embeds for nodes.
fn static_keys() -> Option<Credentials> {
    let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let [id, secret, token] = STATIC_KEYS.map(variable);
    let keys = Credentials { access_key_id: id?, secret_access_key: secret?, session_token: token };
    keys.check().is_ok().then_some(keys)
}

/// `gc` names it, if it could be written and not removed.
const OBJECT: &str = "packs/doctor";
const BYTES: &[u8] = b"Written by `stringless doctor --write`.\n";
