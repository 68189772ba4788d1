//! An S3 server whose IAM permits or denies each request: moto, with what it leaves out filled in by
//! `iam_server.py`. One per value.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::garage::{BUCKET, Key, REGION};
use crate::netns::Net;
use crate::process::{Running, run, until};
use crate::tools;

/// A running server; dropping it ends it.
#[derive(Debug)]
pub struct Iam {
    /// What each user signs with.
    pub users: BTreeMap<String, User>,
    net: Net,
    port: u16,
    running: Running,
    folder: tempfile::TempDir,
}

/// What a user of the server has.
#[derive(Clone, Debug, Deserialize)]
pub struct User {
    id: String,
    secret: String,
    /// Temporary keys of a role with the same policy, as `agent.json` writes static keys.
    pub session: Value,
}

impl User {
    /// Its own key.
    pub fn key(&self) -> Key {
        Key { id: self.id.clone(), secret: self.secret.clone() }
    }
}

impl Iam {
    /// Starts a server that has [`BUCKET`] and [`OTHER`], and a user for each of these policies.
    ///
    /// # Panics
    /// When it does not answer within ten minutes.
    pub fn start(net: &Net, policies: &BTreeMap<String, Value>) -> Option<Self> {
        let python = tools::cached("python", "python")?;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("users.json");
        fs::write(&file, json!({"buckets": [BUCKET, OTHER], "users": policies}).to_string()).unwrap();
        let port = net.free_port();
        let mut command = net.command(&python);
        let script = tools::root().join("tests/support/iam_server.py");
        command.arg("-B").arg(script).arg(port.to_string()).arg(&file);
        let running = Running::start(&mut command, &folder.path().join("log"));
        let mut iam = Self { users: BTreeMap::new(), net: net.clone(), port, running, folder };
        let up = until(Duration::from_mins(2), || {
            iam.running.ended().is_some() || net.connect(&format!("127.0.0.1:{port}")).is_ok()
        });
        let log = iam.running.log();
        assert!(up && iam.running.ended().is_none(), "the server does not listen:\n{log}");
        iam.users = serde_json::from_str(log.lines().next().unwrap_or_default())
            .unwrap_or_else(|e| panic!("{e} in\n{log}"));
        Some(iam)
    }

    /// Its address, as an S3 endpoint.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The status of a request for `path` below a bucket, signed by curl; `options` are more options for it.
    ///
    /// # Panics
    /// When there is no answer.
    pub fn status(&self, key: &Key, bucket: &str, path: &str, options: &[&str]) -> u16 {
        let mut curl = self.net.command("curl");
        curl.args(["--silent", "--max-time", "100", "--write-out", "%{http_code}", "--output"]);
        curl.arg(self.folder.path().join("body"));
        curl.args(["--aws-sigv4", &format!("aws:amz:{REGION}:s3"), "--header"]);
        curl.args([
            "x-amz-content-sha256: UNSIGNED-PAYLOAD",
            "--user",
            &format!("{}:{}", key.id, key.secret),
        ]);
        curl.args(options).arg(format!("{}/{bucket}/{path}", self.endpoint()));
        let output = run(&mut curl, crate::process::PATIENCE);
        String::from_utf8_lossy(&output.stdout).parse().unwrap_or_else(|e| panic!("{e}: {path}"))
    }

    /// What the server has printed since it began to listen.
    pub fn log(&self) -> String {
        self.running.log()
    }
}

/// Another bucket of the server.
pub const OTHER: &str = "others";
