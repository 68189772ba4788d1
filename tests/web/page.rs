//! The page in a browser, and what a person does with it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use e2e::process::until;
use e2e::tools;

use super::browser::Browser;

/// The page, opened from a folder.
pub struct Page {
    /// The browser that shows it.
    pub browser: Browser,
    file: PathBuf,
}

/// The time at which the page renders, in seconds: 2026-11-20T18:00:00Z.
pub const NOW: u64 = 1_795_197_600;

impl Page {
    /// Opens the built page; `None` after saying what is missing.
    pub fn open() -> Option<Self> {
        Self::open_at("")
    }

    /// The same, with what follows in its address.
    pub fn open_at(rest: &str) -> Option<Self> {
        Self::open_file(&tools::page()?, rest)
    }

    /// Opens this file of a page.
    pub fn open_file(file: &Path, rest: &str) -> Option<Self> {
        let mut page = Self { browser: Browser::start()?, file: file.canonicalize().unwrap() };
        for domain in ["Page", "Runtime", "Log", "Network", "DOM"] {
            page.browser.call(&format!("{domain}.enable"), json!({}));
        }
        let clock = format!("Date.now = () => {NOW}000;");
        page.browser.call("Page.addScriptToEvaluateOnNewDocument", json!({"source": clock}));
        page.size(1280, 900);
        page.visit(rest);
        Some(page)
    }

    /// Loads it again, with this at the end of its address.
    pub fn visit(&mut self, rest: &str) {
        // Another fragment alone would load nothing.
        self.browser.call("Page.navigate", json!({"url": "about:blank"}));
        let url = format!("file://{}{rest}", self.file.display());
        self.browser.call("Page.navigate", json!({"url": url}));
        self.until("document.documentElement?.dataset.ready === 'yes'");
    }

    /// What a JavaScript expression gives, awaited.
    pub fn eval(&mut self, expression: &str) -> Value {
        let asked = json!({
            "expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true,
        });
        let mut answer = self.browser.call("Runtime.evaluate", asked);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].take()
    }

    /// Waits until an expression is true.
    pub fn until(&mut self, expression: &str) {
        let done = until(LIMIT, || self.eval(expression) == json!(true));
        let seen = if done { Value::Null } else { self.eval("document.body.innerText.slice(0, 3000)") };
        assert!(done, "{expression} does not become true\n{seen}");
    }

    /// The text of an element as people see it; empty while it is hidden.
    pub fn text(&mut self, id: &str) -> String {
        self.string(&format!(
            "((one) => one.checkVisibility() ? one.innerText : '')(document.getElementById('{id}'))"
        ))
    }

    /// A text that an expression gives.
    pub fn string(&mut self, expression: &str) -> String {
        let value = self.eval(expression);
        value.as_str().unwrap_or_else(|| panic!("{expression}: {value}")).to_owned()
    }

    /// The text or script that is shown: the lines in the order in which they stand, without the explanations.
    pub fn shown(&mut self) -> String {
        self.lines("text")
    }

    /// The encoded user-data that is shown below the script.
    pub fn packed(&mut self) -> String {
        self.lines("packed")
    }

    fn lines(&mut self, id: &str) -> String {
        let lines = format!("[...document.querySelectorAll('#{id} .line')].map((line) => line.textContent)");
        self.string(&format!("{lines}.join('')"))
    }

    /// Clicks with the mouse in the middle of what a selector finds.
    pub fn click(&mut self, selector: &str) {
        // The browser may still move what was scrolled or laid out a moment ago.
        let middle = format!(
            "(async () => {{ const found = document.querySelector({}); const look = () => \
             found.scrollIntoView({{block: 'center', behavior: 'instant'}}); look(); \
             await new Promise((done) => {{ setTimeout(done, 500); requestAnimationFrame(() => requestAnimationFrame(done)); }}); look(); \
             const box = found.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; }})()",
            json!(selector)
        );
        let at = self.eval(&middle);
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1});
            self.browser.call("Input.dispatchMouseEvent", event);
        }
    }

    /// Presses a key.
    pub fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, None),
            "Enter" => (13, Some("\r")),
            "Space" => (32, Some(" ")),
            "Home" => (36, None),
            "ArrowDown" => (40, None),
            "PageDown" => (34, None),
            _ => panic!("the key {key} is not known here"),
        };
        let name = if key == "Space" { " " } else { key };
        let mut event = json!({"type": "keyDown", "key": name, "code": key, "windowsVirtualKeyCode": code});
        if let Some(text) = text {
            event["text"] = json!(text);
        }
        self.browser.call("Input.dispatchKeyEvent", event);
        let up = json!({"type": "keyUp", "key": name, "code": key, "windowsVirtualKeyCode": code});
        self.browser.call("Input.dispatchKeyEvent", up);
    }

    /// Presses a key for each letter.
    pub fn type_text(&mut self, text: &str) {
        for letter in text.chars() {
            let letter = letter.to_string();
            self.browser
                .call("Input.dispatchKeyEvent", json!({"type": "keyDown", "key": letter, "text": letter}));
            self.browser.call("Input.dispatchKeyEvent", json!({"type": "keyUp", "key": letter}));
        }
    }

    /// Presses Tab until an element has the focus.
    pub fn tab_to(&mut self, id: &str) {
        for _ in 0..60 {
            self.press("Tab");
            if self.focused() == id {
                return;
            }
        }
        panic!("Tab does not reach #{id}");
    }

    /// The id of what has the focus.
    pub fn focused(&mut self) -> String {
        self.string("document.activeElement.id")
    }

    /// Takes an entry of a list, or writes into a field, as the browser does for a person.
    pub fn choose(&mut self, id: &str, value: &str) {
        let set = format!(
            "(() => {{ const control = document.getElementById('{id}'); control.value = {}; \
             control.dispatchEvent(new Event('input', {{bubbles: true}})); \
             control.dispatchEvent(new Event('change', {{bubbles: true}})); return control.value; }})()",
            json!(value)
        );
        assert_eq!(self.string(&set), value, "#{id} does not offer {value}");
    }

    /// Waits until the page has shown what was chosen last.
    pub fn settle(&mut self) {
        self.until("document.documentElement.dataset.ready === 'yes'");
    }

    /// Chooses files, or a folder, with one of the two file inputs, and waits for the site.
    pub fn load(&mut self, input: &str, files: &[PathBuf]) {
        let root = self.browser.call("DOM.getDocument", json!({}))["root"]["nodeId"].take();
        let query = json!({"nodeId": root, "selector": format!("#{input}")});
        let node = self.browser.call("DOM.querySelector", query)["nodeId"].take();
        let turn = self.eval(TURN);
        self.browser.call("DOM.setFileInputFiles", json!({"nodeId": node, "files": files}));
        self.until(&format!("{TURN} > {turn}"));
    }

    /// Drops files or folders on the page.
    pub fn drop_files(&mut self, paths: &[&Path]) {
        let turn = self.eval(TURN);
        let data = json!({"items": [], "files": paths, "dragOperationsMask": 1});
        let drops =
            "window.drops ?? (addEventListener('drop', () => { window.drops += 1; }), window.drops = 0)";
        let before = self.eval(drops).as_u64();
        // A browser that has not yet heard of the page that it takes files lets go of them.
        let arrived = until(LIMIT, || {
            for kind in ["dragEnter", "dragOver", "dragOver", "drop"] {
                let event = json!({"type": kind, "x": 300, "y": 300, "data": data});
                self.browser.call("Input.dispatchDragEvent", event);
            }
            until(Duration::from_secs(3), || self.eval(drops).as_u64() > before)
        });
        assert!(arrived, "the page was given no files");
        self.until(&format!("{TURN} > {turn}"));
    }

    /// The size of the window.
    pub fn size(&mut self, width: u32, height: u32) {
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.browser.call("Emulation.setDeviceMetricsOverride", metrics);
    }

    /// What the person prefers: `dark` or `light`.
    pub fn scheme(&mut self, scheme: &str) {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.browser.call("Emulation.setEmulatedMedia", features);
    }

    /// Everything that went wrong in the page so far: exceptions, and what the browser refused.
    pub fn faults(&mut self) -> Vec<Value> {
        self.browser.events(&["Runtime.exceptionThrown", "Log.entryAdded"])
    }
}

/// How long the page may take for anything, beside other tests that load the machine.
const LIMIT: Duration = Duration::from_secs(180);
/// How often the page has shown something.
const TURN: &str = "Number(document.documentElement.dataset.turn)";
