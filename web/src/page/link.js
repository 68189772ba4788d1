// The choices in the address of the page, so that a link repeats them. The site and the keys are never in it.

/** What is chosen, as the part of an address after `#`. */
function fragment() {
  const pairs = new URLSearchParams();
  for (const [id, value] of Object.entries(choice)) {
    if (id === "labels") value.forEach((label) => pairs.append("label", label));
    else if (value === true) pairs.set(id, "yes");
    else if (value) pairs.set(id, value);
  }
  return `#${pairs}`;
}

/** Chooses what the address says. Whether it says anything. */
function chooseByLink() {
  const pairs = new URLSearchParams(location.hash.slice(1));
  const known = [...pairs.keys()].some((id) => id === "label" || Object.hasOwn(choice, id));
  if (!known) return false;
  for (const id of Object.keys(choice)) {
    if (id === "labels") choice.labels = pairs.getAll("label");
    else if (typeof choice[id] === "boolean") choice[id] = pairs.get(id) === "yes";
    else choice[id] = pairs.get(id) || null;
  }
  return true;
}

/** Writes the choices into the address, without a new step of the browser's history. */
function showLink() {
  const part = fragment();
  byId("link").href = part;
  history.replaceState(null, "", part);
}
