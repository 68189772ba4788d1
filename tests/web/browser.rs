//! Chromium without a window, and the protocol of its developer tools over two pipes.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use e2e::process::PATIENCE;
use e2e::tools;

/// A browser with one tab; dropping it ends it.
pub struct Browser {
    child: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    /// What the tab reported and no test has asked for yet.
    events: VecDeque<Value>,
    session: Option<String>,
    last: u64,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts it; `None` after saying that there is none.
    pub fn start() -> Option<Self> {
        let chromium = tools::program("chromium")?;
        let profile = tempfile::tempdir().unwrap();
        // It reads commands from descriptor 3 and answers on descriptor 4.
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>"$HOME/log""#, "sh"]);
        shell.arg(chromium).args(FLAGS);
        shell.arg(format!("--user-data-dir={}", profile.path().join("profile").display()));
        shell.env("HOME", profile.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = shell.spawn().unwrap();
        let commands = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let (sender, messages) = channel();
        thread::spawn(move || {
            // Each message ends with a byte of zero.
            for message in answers.split(0).map_while(Result::ok) {
                let Ok(message) = serde_json::from_slice(&message) else { break };
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut browser = Self {
            child,
            commands,
            messages,
            events: VecDeque::new(),
            session: None,
            last: 0,
            _profile: profile,
        };
        let tab = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": tab["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", attach);
        browser.session = session["sessionId"].as_str().map(ToOwned::to_owned);
        Some(browser)
    }

    /// Calls a method, in the tab as soon as there is one.
    ///
    /// # Panics
    /// When it fails.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.try_call(method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// As [`Browser::call`], with the error of the browser.
    pub fn try_call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.last += 1;
        let id = self.last;
        let mut message = json!({"id": id, "method": method});
        message["params"] = params;
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = serde_json::to_vec(&message).unwrap();
        bytes.push(0);
        self.commands.write_all(&bytes).unwrap();
        loop {
            let mut message = self.message(PATIENCE).unwrap_or_else(|| panic!("{method}: no answer"));
            if message["id"] != id {
                self.events.push_back(message);
                continue;
            }
            return match message.get("error") {
                Some(error) => Err(error.clone()),
                None => Ok(message["result"].take()),
            };
        }
    }

    /// Every event of these kinds so far; they stay.
    pub fn events(&mut self, methods: &[&str]) -> Vec<Value> {
        // An answer comes after all events before it.
        self.call("Runtime.evaluate", json!({"expression": "0"}));
        let ours = |event: &&Value| methods.iter().any(|method| event["method"] == *method);
        self.events.iter().filter(ours).cloned().collect()
    }

    fn message(&mut self, limit: Duration) -> Option<Value> {
        self.messages.recv_timeout(limit).ok()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.session = None;
        // It ends itself, and so its processes; its own process may be gone already.
        self.try_call("Browser.close", json!({})).ok();
        self.child.wait().ok();
    }
}

/// Without a window, a sandbox (which root has not), and calls to the makers of the browser.
const FLAGS: [&str; 13] = [
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
];
