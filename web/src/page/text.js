// The user-data, with what each part of it does.

/** The text that people read: the script alone, where the user-data holds it encoded. */
function readable(result) {
  return result.body ?? result.text;
}

/** Shows the text; with explanations beside its parts if `explained`. */
function showText(result, explained) {
  const lines = linesOf(readable(result));
  const encoded = result.body !== null;
  byId("text-title").textContent = encoded ? "The script in the text" : "The text";
  byId("text").classList.toggle("explained", explained);
  byId("text").replaceChildren(...(explained ? explainedParts(result, lines) : [make("pre", "", codeLines(lines))]));
  byId("packed-block").hidden = !encoded || result.text === null;
  byId("packed").replaceChildren(...(encoded && result.text !== null ? [make("pre", "", codeLines(linesOf(result.text)))] : []));
}

function explainedParts(result, lines) {
  // Where the script begins in what is shown.
  const offset = result.body === null ? result.body_line - 1 : 0;
  const rows = [];
  let next = 0;
  const row = (end, does) => {
    const range = end - next === 1 ? `Line ${end}` : `Lines ${next + 1} to ${end}`;
    const says = make("p", "does", make("span", "range", `${range}: `), ...words(does));
    rows.push(make("div", "part", says, make("pre", "", codeLines(lines.slice(next, end)))));
    next = end;
  };
  for (const part of result.parts) {
    const start = offset + part.line - 1;
    if (start > next) row(start, HOLDER);
    row(start + part.lines, part.does);
  }
  if (next < lines.length) row(lines.length, HOLDER);
  return rows;
}

/** What stands around the script. */
const HOLDER = "Holds the script, as the form of the text requires.";
