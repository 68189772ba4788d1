//! User-data embedded in the files of other tools. No IO.

mod iso;
mod packer;
pub(crate) mod reference;
mod seed;
mod templates;

use stringless_core::fault::Fault;

pub use self::seed::Seed;
use crate::request::{Request, Tool, UserData};

/// The text for `tool`: every tool except [`Tool::Seed`], which is not a text. `url` is where the script
/// can be fetched.
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
        Tool::Seed => Err(Fault::new("rendering as seed: a seed is not a text")),
    }
}
