//! Request → the addresses of the metadata service that the script keeps for root.

use stringless_core::fault::Fault;

use crate::platform::{self, Form};
use crate::request::Request;

/// The addresses; none where nothing is to be kept.
///
/// # Errors
/// When the cloud has no such addresses, the system has no such firewall, or there is no script.
pub(crate) fn addresses(request: &Request<'_>) -> Result<Vec<String>, Fault> {
    let (distro, cloud) = (request.distro, request.cloud);
    if request.lock.is_none() {
        return Ok(Vec::new());
    }
    let fault = |why: String| {
        let fault = Fault::new(format!("rendering --lock-metadata: {why}"));
        Err(fault.hint("leave it out; what must stay secret has no place in this user-data"))
    };
    if cloud.lock.is_empty() {
        let who = &cloud.readable_by;
        return fault(format!(
            "{} has no metadata service to keep for root (user-data is readable by {who})",
            cloud.name
        ));
    }
    if matches!(request.form, Form::Ignition | Form::Nix) {
        return fault(format!("the form `{}` holds no script to set it", request.form.as_str()));
    }
    let known = template(request);
    if !platform::templates().any(|(name, _)| name == known) {
        return fault(format!("{} has neither nft nor iptables", distro.name));
    }
    Ok(cloud.lock.clone())
}

/// What brings it back at every boot.
pub(crate) fn template(request: &Request<'_>) -> String {
    format!("init/{}/lock.tera", request.distro.init)
}
