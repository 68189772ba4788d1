//! What is around the script: encodings, limits, MIME, and the sources of other tools; each read back by
//! what reads it in earnest.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod encodings;
mod groups;
mod hcl;
mod limits;
mod mime;
mod places;
mod seed;
mod shell;
mod sources;

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use e2e::rendering::{BUCKET, Case, SCRIPT, puppet_site, site};
use stringless_core::fault::Fault;
use stringless_render::platform::{Encoding, Form};
use stringless_render::request::{Request, Tool, UserData};
use stringless_render::{encode, encoding, render};

const LIMIT: Duration = e2e::process::PATIENCE;
/// What the others are seen beside.
const DISTRO: &str = "debian-12";

/// The largest site, on every cloud.
fn case() -> Case {
    Case::new(&puppet_site(BUCKET, true, "node: {credentials: [instance_role, static]}\n"))
}

/// The request for a tool, and without one for the cloud's own field.
fn request<'a>(
    case: &'a Case,
    cloud: &str,
    form: Option<Form>,
    tool: Option<Tool>,
    encoding: Option<Encoding>,
) -> Result<Request<'a>, Fault> {
    let (distro, cloud) = (case.platforms.distro(DISTRO)?, case.platforms.cloud(cloud)?);
    let plain = case.request(distro, cloud, form)?;
    let encoding = encoding::encoding(tool, cloud, plain.boot, plain.form, encoding)?;
    Ok(Request { tool, encoding, ..plain })
}

/// Every encoding in which user-data gets through, for every pair and form, on the largest site that the
/// distro can have.
fn product(mut check: impl FnMut(&str, &Request<'_>, &UserData)) {
    let keys = "node: {credentials: [instance_role, static]}\n";
    let sites =
        [puppet_site(BUCKET, true, keys), puppet_site(BUCKET, false, keys), site(BUCKET, SCRIPT, keys)];
    let cases = sites.map(|site| Case::new(&site));
    for (distro, cloud) in cases[0].platforms.pairs() {
        let case = cases.iter().find(|case| case.has_engine(distro)).unwrap();
        for form in case.platforms.forms(distro, cloud) {
            let request = case.request(distro, cloud, Some(form)).unwrap();
            let plain = render(&Request { encoding: Encoding::Plain, ..request.clone() });
            let plain = plain.unwrap_or_else(|fault| panic!("{} {}: {fault}", distro.id, cloud.id));
            for encoding in encode::usable(cloud, request.boot) {
                let name = format!("{}+{}+{}+{}", distro.id, cloud.id, form.as_str(), encoding.as_str());
                let request = Request { encoding, ..request.clone() };
                check(&name, &request, &UserData { encoding, ..plain.clone() });
            }
        }
    }
}

/// What `program` prints for this input.
fn piped(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
