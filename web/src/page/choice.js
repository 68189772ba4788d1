// What is chosen. It is kept here and not in the controls: a link may choose what no control offers yet.

/** The choices that a link holds; null, false or an empty list: as `render` does without the flag. */
const choice = {
  distro: null, cloud: null, environment: null, role: null, labels: [], min_serial: null,
  form: null, encoding: null, boot_agent: null, cpu: null, lock: null, eol_ok: false, draft: false,
};

/** Those behind "More choices". */
const MORE = ["form", "encoding", "boot_agent", "cpu", "lock", "eol_ok", "draft"];

/** Keys of the machine: in memory only, and in no link. */
const keys = { id: "", secret: "", token: "" };

/** Takes what a control holds. */
function chooseBy(control) {
  const id = control.id;
  if (id.startsWith("key_")) {
    keys[id.slice("key_".length)] = control.value.trim();
  } else if (control.type === "checkbox") {
    choice[id] = control.checked;
  } else if (id === "branch") {
    choice.environment = control.value.trim() || null;
  } else if (id === "labels") {
    choice.labels = control.value.split("\n").map((line) => line.trim()).filter(Boolean);
  } else {
    choice[id] = control.value.trim() || null;
  }
}

/** Writes what is chosen into the controls; those that are written in stay as they are. */
function showChoice() {
  for (const [id, value] of Object.entries(choice)) {
    const control = byId(id);
    if (control.type === "checkbox") control.checked = value;
    else if (id === "labels") control.value = value.join("\n");
    else control.value = value ?? "";
  }
  byId("branch").value = choice.environment ?? "";
  if (MORE.some((id) => choice[id])) byId("more").open = true;
}

/** Forgets every choice and the keys. */
function resetChoice() {
  for (const id of Object.keys(choice)) choice[id] = EMPTY[id];
  forgetKeys();
}

/** Forgets the keys, also in their fields. */
function forgetKeys() {
  for (const id of Object.keys(keys)) {
    keys[id] = "";
    byId(`key_${id}`).value = "";
  }
}

/** What the program is asked for; `pair` stands in while neither system nor cloud is chosen. */
function asked(pair) {
  const complete = keys.id && keys.secret;
  return {
    ...choice,
    ...(choice.distro === null && choice.cloud === null ? pair : {}),
    min_serial: choice.min_serial === null ? null : wholeNumber(choice.min_serial),
    keys: complete ? { id: keys.id, secret: keys.secret, token: keys.token || null } : null,
  };
}

function wholeNumber(text) {
  if (/^0+$/.test(text)) {
    throw new Refusal(`reading the lowest serial: \`${text}\` is too low`, "releases are counted from 1 on");
  }
  if (!/^[1-9][0-9]{0,14}$/.test(text)) {
    throw new Refusal(`reading the lowest serial: \`${text}\` is not a whole number`, "the number of a release, such as 12");
  }
  return Number(text);
}

/** Nothing chosen. */
const EMPTY = Object.freeze({ ...choice, labels: Object.freeze([]) });
