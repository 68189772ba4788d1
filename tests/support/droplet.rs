//! A metadata service as DigitalOcean's is: one document with everything that a Droplet gets, and the same
//! by parts; no token.

use std::net::TcpListener;

use serde_json::json;

use crate::http::{Reply, Request, Seen, Service};
use crate::imds::MAC;
use crate::qemu::{GUEST, ROUTER};

/// What the service tells.
#[derive(Debug, Clone)]
pub struct Droplet {
    /// Such as `3164494`.
    pub id: u64,
    /// Such as `fra1`.
    pub region: String,
    /// What it was made with.
    pub user_data: String,
}

/// The running service; dropping it ends it.
#[derive(Debug)]
pub struct DropletMetadata {
    service: Service,
}

impl DropletMetadata {
    /// Answers on `listener`, which is 169.254.169.254:80 for a machine that shall believe it.
    pub fn start(listener: TcpListener, droplet: Droplet) -> Self {
        Self { service: Service::start(listener, None, move |request| answer(&droplet, request)) }
    }

    /// The requests since the last call.
    pub fn take(&self) -> Vec<Seen> {
        self.service.take()
    }
}

fn answer(droplet: &Droplet, request: &Request) -> Reply {
    if request.method != "GET" {
        return Reply::new(405, "");
    }
    match request.path() {
        "/metadata/v1.json" => Reply::new(200, document(droplet)).with("content-type", "application/json"),
        "/metadata/v1/id" => Reply::new(200, droplet.id.to_string()),
        "/metadata/v1/region" => Reply::new(200, droplet.region.as_str()),
        "/metadata/v1/hostname" => Reply::new(200, HOSTNAME),
        "/metadata/v1/user-data" => Reply::new(200, droplet.user_data.as_str()),
        _ => Reply::new(404, ""),
    }
}

fn document(droplet: &Droplet) -> String {
    let address = json!({"ip_address": GUEST, "netmask": "255.255.255.0", "gateway": ROUTER});
    json!({
        "droplet_id": droplet.id,
        "hostname": HOSTNAME,
        "user_data": droplet.user_data,
        "vendor_data": "#cloud-config\n{}\n",
        "public_keys": [],
        "region": droplet.region,
        "interfaces": {"public": [{"ipv4": address, "mac": MAC, "type": "public"}]},
        "dns": {"nameservers": ["127.0.0.1"]},
    })
    .to_string()
}

const HOSTNAME: &str = "node-1";
