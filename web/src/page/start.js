// What happens when: the page is loaded, a control changes, files come, a button is pressed.

document.addEventListener("DOMContentLoaded", async () => {
  try {
    await firstPicture();
    await start();
  } catch (fault) {
    refuse(`starting the page: ${fault.message}`, "use a current version of Chrome, Edge, Firefox or Safari, or `stringless render` on a command line");
  }
});

/** Waits until the page is painted: unpacking the program keeps the browser busy. What nobody sees is not painted. */
function firstPicture() {
  if (document.hidden) return null;
  return new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
}

async function start() {
  loadBuiltIn();
  await loadProgram();
  shown.catalogue = call({ op: "catalogue", now: Math.floor(Date.now() / 1000) });
  byId("version").textContent = shown.catalogue.version;
  chooseByLink();
  offerSystems(shown.catalogue);
  show(null);
  showChoice();
  listenToChoices();
  listenToFiles();
  listenToButtons();
  listenToSteps();
  // For tests: what is shown for a choice, without showing it.
  globalThis.stringless = Object.freeze({ view });
  performance.mark("ready");
  setReady(true);
}

/** For tests: whether everything that was chosen is shown, and how often something was. */
function setReady(ready) {
  const { dataset } = document.documentElement;
  dataset.ready = ready ? "yes" : "no";
  if (ready) dataset.turn = String(Number(dataset.turn ?? 0) + 1);
}

/** A change that is not shown yet: the timer, and the control. */
const pending = { timer: 0, control: null };

/** Shows what was changed last, if that is not shown yet. */
function showPending() {
  const { timer, control } = pending;
  if (!control) return;
  clearTimeout(timer);
  pending.control = null;
  show(control);
  setReady(true);
}

function listenToChoices() {
  byId("choices").addEventListener("input", ({ target }) => {
    chooseBy(target);
    setReady(false);
    clearTimeout(pending.timer);
    Object.assign(pending, { control: target, timer: setTimeout(showPending, isWritten(target) ? A_PAUSE : 0) });
  });
  byId("choices").addEventListener("submit", (event) => event.preventDefault());
  byId("choices").addEventListener("reset", (event) => {
    event.preventDefault();
    resetChoice();
    show(event.target);
    showChoice();
  });
  addEventListener("hashchange", () => {
    if (!chooseByLink()) return;
    offerSystems(shown.catalogue);
    show(document.body);
    showChoice();
  });
}

function listenToFiles() {
  for (const id of ["files", "folder"]) {
    const input = byId(id);
    input.addEventListener("change", async () => {
      if (!input.files.length) return;
      await take(() => chosenFiles(input));
      // The same file can be chosen again, after it was changed.
      input.value = "";
    });
  }
  for (const kind of ["dragenter", "dragover"]) {
    addEventListener(kind, (event) => {
      event.preventDefault();
      document.body.classList.add("dragging");
    });
  }
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dragging");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    take(() => droppedFiles(event.dataTransfer));
  });
  byId("forget").addEventListener("click", () => {
    forgetFiles();
    show(null);
    byId("files").focus();
  });
  byId("loaded-files").addEventListener("click", ({ target }) => {
    if (!target.dataset.name) return;
    forgetFile(target.dataset.name);
    show(null);
    // The list was written again.
    (byId("loaded-files").querySelector("button") ?? byId("files")).focus();
  });
}

/** Adds the files that `find` gives to the site, and shows what comes of it. */
async function take(find) {
  setReady(false);
  try {
    await addFiles(await find());
    show(null);
  } catch (fault) {
    showRefusal(byId("site-refusal"), { what: fault.message, hint: fault.hint ?? "choose the files of the site one by one" });
  }
  setReady(true);
}

/** Leads to a section. The address stays as it is: it holds the choices. */
function listenToSteps() {
  for (const link of document.querySelectorAll(".skip, .steps a")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const title = document.querySelector(`${link.getAttribute("href")} h2`);
      title.focus({ preventScroll: true });
      title.scrollIntoView();
    });
  }
}

/** What is shown after the last change; null if that is no text. */
function newest() {
  showPending();
  return current();
}

function listenToButtons() {
  byId("explain").addEventListener("change", () => showText(current().result, byId("explain").checked));
  byId("copy").addEventListener("click", async () => {
    const answer = newest();
    if (!answer || answer.result.text === null) return;
    const { text, bytes, paste_into: place } = answer.result;
    say(await copyText(text), `Copied: ${number(bytes)} bytes. Paste them into: ${place}`);
  });
  byId("copy-command").addEventListener("click", async () => {
    const answer = newest();
    if (answer) say(await copyText(answer.command), "Copied: the command.");
  });
  byId("download").addEventListener("click", () => {
    const answer = newest();
    if (!answer) return;
    const { file_name: name, base64: bytes } = answer.result;
    download(name, bytes);
    byId("status").textContent = `Downloaded as ${name}.`;
  });
}

function say(copied, done) {
  byId("status").textContent = copied ? done : "The browser does not let this page copy. Select the text, and copy it with the keys of your system; or download it.";
}

/** How long a person may pause between two letters, in milliseconds. */
const A_PAUSE = 250;
