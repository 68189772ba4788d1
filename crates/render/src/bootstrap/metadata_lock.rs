//! Request → the addresses of the metadata service that the script restricts to root.

use stringless_core::fault::Fault;

use crate::platform::{self, Form};
use crate::request::Request;

/// The addresses; empty if nothing is to be restricted.
///
/// # Errors
/// When the cloud has no such addresses, the distro has no known firewall, or the form has no script.
pub(crate) fn addresses(request: &Request<'_>) -> Result<Vec<String>, Fault> {
    let (distro, cloud) = (request.distro, request.cloud);
    if request.lock.is_none() {
        return Ok(Vec::new());
    }
    let fault = |why: String| {
        let fault = Fault::new(format!("rendering --lock-metadata: {why}"));
        Err(fault.hint("leave out `--lock-metadata`; this user-data must not hold a secret"))
    };
    if cloud.lock.is_empty() {
        let who = &cloud.readable_by;
        return fault(format!(
            "{} has no metadata service with a fixed address to restrict to root (user-data is readable by {who})",
            cloud.name
        ));
    }
    if matches!(request.form, Form::Ignition | Form::Nix) {
        return fault(format!("the form `{}` holds no script that could do it", request.form.as_str()));
    }
    let known = template(request);
    if !platform::templates().any(|(name, _)| name == known) {
        return fault(format!("{} has neither nft nor iptables", distro.name));
    }
    Ok(cloud.lock.clone())
}

/// The template that restores the rule at every boot.
pub(crate) fn template(request: &Request<'_>) -> String {
    format!("init/{}/lock.tera", request.distro.init)
}
