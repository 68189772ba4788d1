// One look at everything: asks the program, and shows the answer.

const shown = {
  /** What the program can make. */
  catalogue: null,
  /** The last answer with a text. */
  answer: null,
  /** The text before the last change; null at first and after another site. */
  before: null,
  /** The control that changed last. */
  control: null,
  /** When the texts are rendered, in seconds: the same for a while, so that the time is no difference. */
  now: 0,
};

/** What the program answers for `wanted`. */
function view(wanted, now = shown.now) {
  return call({ op: "view", now, files: site.files, serials: site.serials, retired: site.retired, choice: wanted });
}

/** Shows everything for what is chosen. `control` is what changed; null for another site. */
function show(control) {
  const seconds = Math.floor(Date.now() / 1000);
  if (control === null || seconds - shown.now > AN_HOUR) shown.now = seconds;
  const isExample = !site.files.length;
  const pair = isExample ? examplePair() : {};
  showLink();
  let wanted;
  let answer;
  try {
    wanted = asked(pair);
    // What the lists offer comes with any answer: an unfinished pair is asked for, too.
    answer = view(wanted);
  } catch (fault) {
    refuse(fault.message, fault.hint ?? "load the page again; if that does not help, report what you chose");
    return;
  }
  showSite(answer.site);
  offerOptions(shown.catalogue, answer);
  const isWhole = Boolean(wanted.distro && wanted.cloud);
  // While a choice is half written, nobody knows.
  if (answer.needs_keys !== null || !isWhole) byId("keys").hidden = !answer.needs_keys;
  const isSiteFault = !answer.site;
  byId("prompt").hidden = isWhole || isSiteFault;
  const missing = [[wanted.distro, "system"], [wanted.cloud, "cloud"]].filter(([id]) => !id).map(([, what]) => `the ${what}`);
  byId("prompt").textContent = `Choose ${missing.join(" and ")} in step 2. The text appears here.`;
  showExample(isExample && isWhole, wanted);
  // The example is a draft, whatever is chosen.
  byId("draft").closest(".check").hidden = isExample;
  if (answer.error && (isWhole || isSiteFault)) {
    refuse(answer.error.what, answer.error.hint, isSiteFault);
  } else if (answer.result && isWhole) {
    showResult(control, wanted, answer);
  } else {
    showNothing();
    showRefusal(byId("refusal"), null);
    showRefusal(byId("site-refusal"), null);
  }
}

function showResult(control, wanted, answer) {
  const { result } = answer;
  const isSameText = control !== null && control === shown.control && isWritten(control);
  if (!shown.answer || control === null) shown.before = null;
  else if (!isSameText) shown.before = readable(shown.answer.result);
  shown.control = control;
  shown.answer = answer;
  showRefusal(byId("refusal"), null);
  showRefusal(byId("site-refusal"), null);
  byId("result").hidden = false;
  showFacts(answer);
  const differs = showDifference(shown.before, readable(result));
  showText(result, byId("explain").checked);
  byId("command").textContent = answer.command;
  byId("variables").hidden = !answer.variables.length;
  byId("variables").replaceChildren("Before it, set to the keys of the machine: ", ...words(answer.variables.map((name) => `\`${name}\``).join(", ")), ".");
  byId("copy").textContent = answer.site.example ? "Copy the example" : "Copy the text";
  byId("copy").disabled = result.text === null;
  const change = differs ? ` Your last change: ${differs}.` : "";
  const bytes = result.text === null ? " These are bytes that no form takes: download them." : "";
  byId("status").textContent = `Ready: the text for ${heading(shown.catalogue, wanted, answer.chosen)}. ${number(result.bytes)} bytes.${change}${bytes}`;
}

/** No text is shown or kept, since it may hold keys: the next one differs from none. */
function showNothing() {
  byId("result").hidden = true;
  for (const id of ["text", "packed", "command", "difference-text"]) byId(id).replaceChildren();
  Object.assign(shown, { answer: null, before: null, control: null });
}

/** The last answer with a text, if one is shown now. */
function current() {
  return byId("result").hidden ? null : shown.answer;
}

function showExample(isExample, wanted) {
  byId("example").hidden = !isExample;
  if (!isExample) return;
  const isChosen = choice.distro !== null || choice.cloud !== null;
  const chosen = isChosen ? "" : ` for ${pairName(shown.catalogue, wanted)}`;
  byId("example").replaceChildren(
    make("strong", "", "This is an example"),
    `${chosen}, made for a site that does not exist. It installs nothing. Load your site in step 1 to get a text for your machine. Without a site yet: `,
    make("code", "", "stringless init"),
    " makes one.",
  );
}

/** The system and the cloud of the example. */
function examplePair() {
  const [distro, cloud] = byId("main").dataset.example.split(" ");
  return { distro, cloud };
}

/** Whether people write into a control letter by letter. */
function isWritten(control) {
  return control.tagName === "TEXTAREA" || ["text", "password"].includes(control.type);
}

const AN_HOUR = 3600;
