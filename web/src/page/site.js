// The files of the site, in the memory of this tab only.

const site = {
  /** What was loaded: `{name, base64}` each. */
  files: [],
  /** The newest release of each environment, where the page was made with them. */
  serials: null,
};

/** The site that was put into the page when it was made, if there is one. */
function loadBuiltIn() {
  const built = JSON.parse(byId("site").textContent.trim() || "null");
  if (!built) return;
  site.files = built.files;
  site.serials = built.serials ?? null;
}

/** Adds files; a file of the same name is replaced. Throws a sentence for people where one cannot be taken. */
async function addFiles(found) {
  const taken = [];
  for (const { name, file } of found) {
    if (file.size > LARGEST_FILE) {
      throw new Error(`reading \`${name}\`: it has more than ${number(LARGEST_FILE)} bytes, which no file of a site has`);
    }
    taken.push({ name, base64: base64(new Uint8Array(await file.arrayBuffer())) });
  }
  const names = new Set(taken.map((file) => file.name));
  site.files = [...site.files.filter((file) => !names.has(file.name)), ...taken];
  site.files.sort((one, other) => (one.name < other.name ? -1 : 1));
  // They were those of the site in the page.
  site.serials = null;
}

/** Forgets all files: the page shows its example again. */
function forgetFiles() {
  site.files = [];
  site.serials = null;
}

/** Shows which files are loaded and what the program takes each of them for. */
function showSite(loaded) {
  const example = loaded?.example ?? true;
  const state = byId("site-state");
  if (!site.files.length) {
    state.replaceChildren("No site is loaded. The page shows an example.");
  } else if (loaded) {
    state.replaceChildren("The site ", make("strong", "", loaded.name), " is loaded from these files:");
  } else {
    state.replaceChildren("No site is loaded. These files are not a whole site yet:");
  }
  byId("loaded").hidden = !site.files.length;
  byId("load").open = !loaded || example || byId("load").contains(document.activeElement);
  const roles = new Map((example ? [] : loaded.files).map((file) => [file.name, file.role]));
  byId("loaded-files").replaceChildren(...site.files.map(({ name }) => {
    const role = roles.get(name);
    return make("li", "", make("code", "", name), role ? `: ${role}` : "");
  }));
  const missing = [...NEEDED].filter(([role]) => loaded && !example && ![...roles.values()].includes(role));
  byId("missing").hidden = !missing.length;
  byId("missing").replaceChildren("Still missing: ", ...words(missing.map(([, what]) => what).join(", and ")));
}

function base64(bytes) {
  let letters = "";
  for (const byte of bytes) letters += String.fromCharCode(byte);
  return btoa(letters);
}

/** What a text needs beside the site file. */
const NEEDED = new Map([
  ["lock file", "the lock file `stringless.lock.json`"],
  ["trust", "the newest file of `trust/`"],
]);
/** More than any file of a site. */
const LARGEST_FILE = 1 << 20;
