// Which files of a folder belong to a site, and how they come out of what was dropped or chosen.

/** The files that a file input holds: `{name, file}` each. */
function chosenFiles(input) {
  const files = [...input.files];
  if (!input.webkitdirectory) return siteFiles(files.map((file) => ({ name: file.name, file })));
  // The path begins with the name of the folder itself.
  const named = files.map((file) => ({ name: file.webkitRelativePath.split("/").slice(1).join("/"), file }));
  return siteFiles(named.filter(({ name }) => isOfSite(name)));
}

/** The files that were dropped, and those in the folders that were dropped. */
async function droppedFiles(transfer) {
  // Only now, while the event is handled, can the items be read.
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const dropped = items.map((item) => ({
    file: item.getAsFile(),
    entry: item.webkitGetAsEntry(),
    // Chromium gives no file of an entry to a page that was opened from a folder; it gives those of a handle.
    handle: item.getAsFileSystemHandle?.().catch(() => null),
  }));
  const found = [];
  for (const { file, entry, handle } of dropped) {
    if (!entry?.isDirectory) found.push({ name: file.name, file });
    else await walk((await handle) ? filesOfHandle(await handle) : filesOfEntry(entry), "", found);
  }
  return siteFiles(found);
}

/** Reads those files of a folder that belong to a site. */
async function walk(members, path, found) {
  for await (const { name, inside, file } of members) {
    if (inside && isFolderOfSite(path + name)) await walk(inside(), `${path}${name}/`, found);
    else if (file && isOfSite(path + name)) found.push({ name: path + name, file: await file() });
  }
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

/** Whether a file in the folder of a site belongs to the site. */
function isOfSite(path) {
  return FILES_OF_SITE.test(path);
}

/** Whether a folder can hold such files; other folders, such as `keys`, are not opened. */
function isFolderOfSite(path) {
  return /^(trust|layers?|certs?|ca|tls|ssl)$/.test(path);
}

/** The site file, the lock file, trust, layers of other sites, and certificates. */
const FILES_OF_SITE = /^(stringless\.(ya?ml|lock\.json)|trust\/\d+\.json|layers?\/[^/]+|[^/]*layer[^/]*\.json|([^/]+\/)?[^/]+\.(pem|crt|cer))$/;
