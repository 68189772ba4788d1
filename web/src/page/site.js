// The files of the site, in the memory of this tab only.

const site = {
  /** The name of the site that was read last; null without one. */
  name: null,
  /** What was loaded: `{name, base64}` each. */
  files: [],
  /** The stable release of each environment, where the page was made with them. */
  serials: null,
  /** The environments that had ended by then. */
  retired: [],
};

/** The site that was put into the page when it was made, if there is one. */
function loadBuiltIn() {
  const built = JSON.parse(byId("site").textContent.trim() || "null");
  if (!built) return;
  site.files = built.files;
  site.serials = built.serials ?? null;
  site.retired = built.retired ?? [];
}

/** Adds files. What comes from a `folder` with a site file is a whole site; other files are added to those of the site. */
async function addFiles({ files, folder }) {
  const taken = await readFiles(files);
  const fresh = call({ op: "names", files: taken });
  const own = fresh.files.find(({ role }) => role === "site file")?.name ?? taken.find(({ name }) => name === SITE_FILE)?.name;
  // What was typed or loaded for one site gets into no other one.
  if (fresh.site && site.name && fresh.site !== site.name) forgetFiles();
  let before = folder && own ? [] : site.files;
  if (own) {
    const roles = rolesOf(before);
    before = before.filter(({ name }) => roles.get(name) !== "site file" && baseOf(name) !== SITE_FILE);
  }
  // What was loaded before gives way to a file of the same base name that is the same to the site.
  const roles = rolesOf([...before, ...taken]);
  const isReplaced = (old) => taken.some(({ name }) => baseOf(name) === baseOf(old.name) && roles.get(name) === roles.get(old.name));
  site.files = [...before.filter((old) => !isReplaced(old)), ...taken];
  site.files.sort((one, other) => (one.name < other.name ? -1 : 1));
  // They were those of the site in the page.
  site.serials = null;
  site.retired = [];
}

/** What each file is to the site, by name; nothing without a site file that can be read. */
function rolesOf(files) {
  return new Map(call({ op: "names", files }).files.map(({ name, role }) => [name, role]));
}

function baseOf(name) {
  return name.split("/").at(-1);
}

/** Reads files into memory. Throws a sentence for people where one cannot be taken. */
async function readFiles(found) {
  const read = [];
  for (const { name, file } of found) {
    if (file.size > LARGEST_FILE) {
      throw new Error(`reading \`${name}\`: it has more than ${number(LARGEST_FILE)} bytes, which no file of a site has`);
    }
    const letters = lettersOf(new Uint8Array(await file.arrayBuffer()));
    if (SECRET.test(letters)) throw new Error(`reading \`${name}\`: it holds a secret key, which the page does not need; it was not taken`);
    read.push({ name, base64: btoa(letters) });
  }
  return read;
}

/** Forgets all files, and the keys, which were for them: the page shows its example again. */
function forgetFiles() {
  Object.assign(site, { name: null, files: [], serials: null, retired: [] });
  forgetKeys();
}

/** Forgets one file. */
function forgetFile(name) {
  site.files = site.files.filter((file) => file.name !== name);
  if (!site.files.length) forgetFiles();
}

/** Shows which files are loaded and what the program takes each of them for. */
function showSite(loaded) {
  const example = loaded?.example ?? true;
  if (!example) site.name = loaded.name;
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
    const remove = make("button", "way", "Remove");
    remove.type = "button";
    remove.setAttribute("aria-label", `Remove ${name}`);
    remove.dataset.name = name;
    return make("li", "", make("code", "", name), role ? `: ${role} ` : " ", remove);
  }));
  const missing = [...NEEDED].filter(([role]) => loaded && !example && ![...roles.values()].includes(role));
  byId("missing").hidden = !missing.length;
  byId("missing").replaceChildren("Still missing: ", ...words(missing.map(([, what]) => what).join(", and ")));
}

function lettersOf(bytes) {
  let letters = "";
  for (const byte of bytes) letters += String.fromCharCode(byte);
  return letters;
}

/** What a text needs beside the site file. */
const NEEDED = new Map([
  ["lock file", "the lock file `stringless.lock.json`"],
  ["trust", "the newest file of `trust/`"],
]);
/** More than any file of a site. */
const LARGEST_FILE = 1 << 20;
/** What stands in a file with a secret key: of PEM, or of minisign, with a password and without. */
const SECRET = /PRIVATE KEY|^untrusted comment:.*secret key|^RW(?:RTY0Iy|QAAEIy)/m;
