// Copying and downloading.

/** Copies a text; whether it worked. */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Some browsers give pages from a folder no clipboard: the old way needs a selection.
    return copySelection(text);
  }
}

function copySelection(text) {
  const focused = document.activeElement;
  const area = make("textarea", "outside");
  area.value = text;
  area.setAttribute("aria-hidden", "true");
  document.body.append(area);
  area.select();
  let copied = false;
  try {
    copied = document.execCommand("copy");
  } catch {
    // Said by what is returned.
  }
  area.remove();
  focused?.focus();
  return copied;
}

/** Saves bytes (base64) as a file of the person. */
function download(name, encoded) {
  const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
  const link = make("a", "");
  link.href = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
  link.download = name;
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
