//! Two renderings of an unchanged site.

use e2e::rendering::{Case, SCRIPT, WEB, site};
use stringless_render::embed::source;
use stringless_render::platform::{Encoding, Form};
use stringless_render::render;
use stringless_render::request::{Request, Tool, UserData};

use super::every_request;

/// An unchanged site gives the same bytes at another time, but for the one line that holds the time.
#[test]
fn each_differs_in_one_line_from_the_same_at_another_time() {
    every_request(|name, request, data| {
        assert_eq!(different(&data.text, &later(request).text), 1, "{name}");
    });
}

/// Files of other tools hold the user-data as it is, or its hash. What is compressed differs in its bytes.
#[test]
fn each_tool_s_file_differs_in_one_line() {
    let case = Case::new(&site(WEB, SCRIPT, ""));
    for (tool, cloud, url) in [
        (Tool::Terraform, "digitalocean", None),
        (Tool::CloudFormation, "aws", None),
        (Tool::Packer, "nocloud", None),
        (Tool::Curl, "nocloud", Some("https://web.example.net/node.sh")),
    ] {
        let distro = case.platforms.distro("debian-13").unwrap();
        let cloud = case.platforms.cloud(cloud).unwrap();
        let asked = case.request(distro, cloud, Some(Form::Script)).unwrap();
        let request = Request { tool: Some(tool), encoding: Encoding::Plain, ..asked };
        let [one, other] = [render(&request).unwrap(), later(&request)]
            .map(|data| source(&request, &data, tool, url).unwrap());
        assert_eq!(different(&one, &other), 1, "{tool:?}");
    }
}

/// The same request an hour later.
fn later(request: &Request<'_>) -> UserData {
    render(&Request { now: request.now.plus(3600), ..request.clone() }).unwrap()
}

/// The number of lines in which the two differ.
fn different(one: &str, other: &str) -> usize {
    assert_eq!(one.lines().count(), other.lines().count());
    one.lines().zip(other.lines()).filter(|(one, other)| one != other).count()
}
