// How elements are found and made. Data becomes text nodes only, never markup.

function byId(id) {
  return document.getElementById(id);
}

/** Makes an element with its class, and with children: elements or texts. */
function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** The lines of a text, each an element of its own, so that long ones wrap with an indent. */
function codeLines(lines) {
  const code = make("code", "lines");
  for (const line of lines) code.append(make("span", "line", `${line}\n`));
  return code;
}

/** The lines of a text that ends with a line end, or does not. */
function linesOf(text) {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** A text with its `code` in elements of their own. */
function words(text) {
  return text.split("`").map((part, n) => (n % 2 ? make("code", "", part) : part));
}
