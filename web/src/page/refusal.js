// What cannot be done, and what to do.

/** A reason that is for people to read, with a hint. */
class Refusal extends Error {
  constructor(what, hint) {
    super(what);
    this.hint = hint;
  }
}

/** Shows a refusal in place of the text: beside the files if it is their fault. */
function refuse(what, hint, isSiteFault = false) {
  showNothing();
  byId("prompt").hidden = true;
  showRefusal(byId("site-refusal"), isSiteFault ? { what, hint } : null);
  showRefusal(byId("refusal"), isSiteFault ? null : { what, hint });
}

/** Shows what cannot be done, and what to do; nothing for null. The same words are not announced twice. */
function showRefusal(place, fault) {
  const text = fault ? `${fault.what}\n${fault.hint ?? ""}` : "";
  if (place.dataset.says === text) return;
  place.dataset.says = text;
  place.replaceChildren();
  if (!fault) return;
  const lines = [make("p", "", make("strong", "", "Not possible: "), ...words(fault.what))];
  if (fault.hint) lines.push(make("p", "", make("strong", "", "What to do: "), ...words(fault.hint)));
  const ways = waysOut(text);
  if (ways.length) lines.push(make("p", "", "On this page: ", ...ways));
  place.append(make("div", "refusal", ...lines));
}

/** The controls for what a refusal or a note names, each as a button that leads there. */
function waysOut(text) {
  const named = WAYS.filter(([name, id]) => name.test(text) && !byId(id).closest("[hidden]")).map(([, id]) => id);
  return [...new Set(named)].map((id) => {
    const title = byId(id).closest("fieldset")?.querySelector("legend") ?? document.querySelector(`label[for="${id}"]`);
    const button = make("button", "way", title.textContent);
    button.type = "button";
    button.addEventListener("click", () => {
      if (MORE.includes(id)) byId("more").open = true;
      byId(id).focus();
    });
    return button;
  });
}

/** How refusals and notes name flags and variables of `stringless render`, and the controls for the same. */
const WAYS = [
  [/--boot-agent/, "boot_agent"],
  [/--cpu/, "cpu"],
  [/--draft/, "draft"],
  [/--encoding|the encoding/, "encoding"],
  [/--environment/, "environment"],
  [/--environment/, "branch"],
  [/--eol-ok/, "eol_ok"],
  [/--form|the form/, "form"],
  [/--label/, "labels"],
  [/--lock-metadata/, "lock"],
  [/--min-serial|the lowest serial/, "min_serial"],
  [/--role/, "role"],
  [/STRINGLESS_NODE_ACCESS_KEY_ID/, "key_id"],
];
