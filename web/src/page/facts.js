// What there is to know about the user-data: its size, where it goes, who can read it, how far it was tested.

function showFacts({ result }) {
  showPlaces(result);
  showSize(result);
  byId("tested").replaceChildren(make("strong", "", result.tested), `: ${result.tested_means}`);
  byId("readable").replaceChildren(...words(result.readable_by));
  byId("notes").replaceChildren(...result.notes.map((note) => {
    const ways = waysOut(note);
    return make("li", "", ...words(note), ...(ways.length ? [make("span", "place", "On this page: ", ...ways)] : []));
  }));
  byId("notes-block").hidden = !result.notes.length;
}

/** What the text is for, and how it is written. */
function heading(catalogue, wanted, chosen) {
  const encoded = chosen.encoding === "plain" ? "" : `, encoded as ${chosen.encoding}`;
  return `${pairName(catalogue, wanted)}, as ${chosen.form}${encoded}`;
}

/** The names of a system and a cloud. */
function pairName(catalogue, { distro, cloud }) {
  const name = (list, id) => list.find((one) => one.id === id)?.name ?? id;
  return `${name(catalogue.distros, distro)} on ${name(catalogue.clouds, cloud)}`;
}

function showPlaces(result) {
  const places = [make("span", "", ...words(result.paste_into))];
  if (result.paste) places.push(make("pre", "paste", result.paste));
  for (const place of result.elsewhere) places.push(make("span", "place", "or ", ...words(place)));
  byId("paste").replaceChildren(...places);
}

function showSize({ bytes, max_bytes: limit, counted }) {
  const meter = byId("size");
  meter.hidden = limit === null;
  if (limit === null) {
    byId("size-words").textContent = `${number(bytes)} bytes. No limit is stated for this cloud.`;
    return;
  }
  const share = Math.ceil((bytes / limit) * 100);
  Object.assign(meter, { min: 0, max: limit, low: limit * 0.75, high: limit * 0.9, optimum: 0, value: bytes });
  const text = `${number(bytes)} of ${number(limit)} bytes (${share} %), ${counted}`;
  meter.title = text;
  byId("size-words").textContent = text;
}

/** With commas between thousands, as English writes them. */
function number(n) {
  return n.toLocaleString("en");
}
