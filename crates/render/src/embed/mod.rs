//! User-data as a part of what another tool takes. No IO.

mod iso;
mod packer;
mod seed;
mod templates;

use stringless_core::fault::Fault;

pub use self::seed::Seed;
use crate::request::{Request, Tool, UserData};

/// The text for `tool`: all but [`Tool::Seed`], which is no text. With `url`, where the script can be
/// fetched from.
///
/// # Errors
/// When the request does not fit the tool.
pub fn source(
    request: &Request<'_>,
    data: &UserData,
    tool: Tool,
    url: Option<&str>,
) -> Result<String, Fault> {
    match tool {
        Tool::Terraform => templates::terraform(request, data),
        Tool::CloudFormation => templates::cloudformation(request, data),
        Tool::Curl => templates::curl(request, data, url),
        Tool::Packer => packer::packer(request, data),
        Tool::Seed => Err(Fault::new("rendering as seed: it is no text")),
    }
}
