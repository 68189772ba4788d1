// What the lists offer: what the program says is possible with the rest of the choices.

/** The systems, by name; the list does not change. */
function offerSystems(catalogue) {
  const label = ({ name, ended }) => (ended ? `${name} (support ended on ${ended})` : name);
  const systems = catalogue.distros.map((distro) => [distro.id, label(distro)]);
  offer("distro", "Choose a system", systems);
}

/** The other lists. */
function offerOptions(catalogue, { options, chosen, site: loaded }) {
  const isPossible = ({ id }) => choice.distro === null || (options.clouds ?? []).includes(id);
  const named = ({ id, name }) => [id, name];
  const { clouds } = catalogue;
  offer("cloud", "Choose a cloud", clouds.filter(isPossible).map(named), clouds.filter((one) => !isPossible(one)).map(named));
  const usual = (id) => {
    const by = choice[id] === null ? chosen[id] : null;
    return by ? `as usual: ${by}` : "as usual";
  };
  for (const [id, list] of [["environment", loaded?.environments], ["form", options.forms], ["encoding", options.encodings], ["cpu", options.cpus]]) {
    offer(id, usual(id), (list ?? []).map((value) => [value, value]));
  }
  offer("boot_agent", usual("boot_agent"), options.boot_agents.map(named));
  // Only some forms are for one CPU.
  fieldOf("cpu").hidden = !options.cpus.length && choice.cpu === null;
  // The branches of a repository are in no file: their names are written.
  fieldOf("environment").hidden = Boolean(loaded?.branches);
  fieldOf("branch").hidden = !loaded?.branches;
}

/** What holds a control and its label. */
function fieldOf(id) {
  return byId(id).closest(".field");
}

/** Fills a list: first the entry for "nothing chosen". What is chosen but not offered stays visible. */
function offer(id, nothing, possible, impossible = []) {
  const list = byId(id);
  const entry = ([value, name]) => {
    const option = make("option", "", name);
    option.value = value;
    return option;
  };
  const entries = [entry(["", nothing]), ...possible.map(entry)];
  if (impossible.length) {
    const group = make("optgroup", "", ...impossible.map(entry));
    group.label = "Not possible with this system";
    entries.push(group);
  }
  const all = [...possible, ...impossible];
  if (choice[id] !== null && !all.some(([value]) => value === choice[id])) {
    entries.push(entry([choice[id], `${choice[id]} (not possible here)`]));
  }
  // A list that is open while it is filled would close.
  const text = (options) => options.map((option) => `${option.value}\n${option.label}`).join("\n");
  const flat = entries.flatMap((option) => (option.tagName === "OPTGROUP" ? [...option.children] : [option]));
  if (text([...list.options]) !== text(flat) || list.querySelectorAll("optgroup").length !== (impossible.length ? 1 : 0)) {
    list.replaceChildren(...entries);
  }
  list.value = choice[id] ?? "";
}
