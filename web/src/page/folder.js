// Which files of a folder belong to a site, and how they come out of what was dropped or chosen.

/** The files that a file input holds: those of the site in `folder`, or those that were chosen one by one in `files`. */
async function chosenFiles(input) {
  const files = [...input.files];
  if (!input.webkitdirectory) return { files: siteFiles(files.map((file) => ({ name: file.name, file }))), folder: false };
  // The path begins with the name of the folder itself.
  const named = files.map((file) => ({ name: file.webkitRelativePath.split("/").slice(1).join("/"), file: () => file }));
  const read = (isWanted) => named.filter(({ name }) => isWanted(name));
  return { files: siteFiles(await filesOfFolder(read)), folder: true };
}

/** The files that were dropped, and those of the site in the folders that were dropped. */
async function droppedFiles(transfer) {
  // Only now, while the event is handled, can the items be read.
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const dropped = items.map((item) => ({
    file: item.getAsFile(),
    entry: item.webkitGetAsEntry(),
    // Chromium gives no file of an entry to a page that was opened from a folder; it gives those of a handle.
    handle: item.getAsFileSystemHandle?.().catch(() => null),
  }));
  const files = [];
  let folder = false;
  for (const { file, entry, handle } of dropped) {
    if (!entry?.isDirectory) {
      files.push({ name: file.name, file });
      continue;
    }
    const members = (await handle) ? filesOfHandle.bind(null, await handle) : filesOfEntry.bind(null, entry);
    files.push(...(await filesOfFolder((isWanted, isOpened) => walk(members(), "", isWanted, isOpened))));
    folder = true;
  }
  return { files: siteFiles(files), folder };
}

/**
 * Reads of a folder the site file, and then what belongs to it by name: the lock file, trust, and what the site file
 * names. No other file is opened. `read` finds the wanted files in the folder.
 */
async function filesOfFolder(read) {
  const settings = await read((path) => /^[^/]+\.ya?ml$/.test(path), () => false);
  const own = settings.find(({ name }) => name === SITE_FILE) ?? (settings.length === 1 ? settings[0] : null);
  const found = own ? [{ name: own.name, file: await own.file() }] : [];
  const { named } = call({ op: "names", files: await readFiles(found) });
  const wanted = new Set([LOCK_FILE, ...named]);
  const isWanted = (path) => wanted.has(path) || /^trust\/\d+\.json$/.test(path);
  const isOpened = (path) => path === "trust" || [...wanted].some((name) => name.startsWith(`${path}/`));
  for (const { name, file } of await read(isWanted, isOpened)) {
    if (name !== own?.name) found.push({ name, file: await file() });
  }
  return found;
}

/** Finds files in a folder: `{name, file}` each, where `file` opens it. Only the folders that `isOpened` are listed. */
async function walk(members, path, isWanted, isOpened) {
  const found = [];
  for await (const { name, inside, file } of members) {
    if (inside && isOpened(path + name)) found.push(...(await walk(inside(), `${path}${name}/`, isWanted, isOpened)));
    else if (file && isWanted(path + name)) found.push({ name: path + name, file });
  }
  return found;
}

async function* filesOfHandle(folder) {
  for await (const [name, member] of folder.entries()) {
    if (member.kind === "directory") yield { name, inside: () => filesOfHandle(member) };
    else yield { name, file: () => member.getFile() };
  }
}

async function* filesOfEntry(folder) {
  const reader = folder.createReader();
  for (;;) {
    const members = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!members.length) return;
    for (const member of members) {
      if (member.isDirectory) yield { name: member.name, inside: () => filesOfEntry(member) };
      else yield { name: member.name, file: () => new Promise((done, failed) => member.file(done, failed)) };
    }
  }
}

/** Only the newest file of `trust/` counts, and the page needs no secret key. */
function siteFiles(found) {
  const secret = found.find(({ name }) => name.endsWith(".key"));
  if (secret) throw new Error(`reading \`${secret.name}\`: this may be a secret key, which the page does not need; it was not read`);
  if (!found.length) throw new Error("reading what you gave: it holds no file of a site, such as `stringless.yaml`");
  const trusts = found.map(({ name }) => versionOf(name)).filter((version) => version !== null);
  const newest = Math.max(...trusts);
  return found.filter(({ name }) => [null, newest].includes(versionOf(name)));
}

/** The version of a trust file, by its name: `trust/2.json`, or `2.json`. */
function versionOf(name) {
  const version = /^(?:trust\/)?(\d+)\.json$/.exec(name);
  return version && Number(version[1]);
}

/** The name of the site file, if it has no other. */
const SITE_FILE = "stringless.yaml";
const LOCK_FILE = "stringless.lock.json";
