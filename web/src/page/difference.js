// What differs between two texts, line by line.

/** The lines of both texts in order: `{kind, line}`, where the kind is "same", "added" or "removed". */
function compareLines(before, after) {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let [a, b] = [before.length, after.length];
  while (a > start && b > start && before[a - 1] === after[b - 1]) [a, b] = [a - 1, b - 1];
  const same = (lines) => lines.map((line) => ({ kind: "same", line }));
  return [...same(after.slice(0, start)), ...compareMiddle(before.slice(start, a), after.slice(start, b)), ...same(after.slice(b))];
}

/** By the longest common subsequence. */
function compareMiddle(before, after) {
  const wide = after.length + 1;
  // The length of what is common from line i of the one and line j of the other on.
  const common = new Uint32Array((before.length + 1) * wide);
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) {
      common[i * wide + j] = before[i] === after[j]
        ? common[(i + 1) * wide + j + 1] + 1
        : Math.max(common[(i + 1) * wide + j], common[i * wide + j + 1]);
    }
  }
  const rows = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      rows.push({ kind: "same", line: after[j] });
      [i, j] = [i + 1, j + 1];
    } else if (j === after.length || (i < before.length && common[(i + 1) * wide + j] >= common[i * wide + j + 1])) {
      rows.push({ kind: "removed", line: before[i] });
      i += 1;
    } else {
      rows.push({ kind: "added", line: after[j] });
      j += 1;
    }
  }
  return rows;
}

/** Shows what differs from the text before the last change; nothing where there is no text before. */
function showDifference(before, after) {
  const block = byId("difference");
  block.hidden = before === null;
  if (before === null) return "";
  const rows = compareLines(linesOf(before), linesOf(after));
  const count = (kind) => rows.filter((row) => row.kind === kind).length;
  const [added, removed] = [count("added"), count("removed")];
  const sum = added + removed ? `+${added} \u2212${removed} ${added + removed === 1 ? "line" : "lines"}` : "nothing";
  byId("difference-title").textContent = `What your last change changed: ${sum}`;
  const code = make("code", "lines");
  let left = false;
  rows.forEach((row, n) => {
    const near = rows.slice(Math.max(0, n - CONTEXT), n + CONTEXT + 1).some(({ kind }) => kind !== "same");
    if (!near) {
      left = true;
      return;
    }
    if (left) code.append(make("span", "line gap", "\u22ef\n"));
    left = false;
    const [tag, sign] = { same: ["span", " "], added: ["ins", "+"], removed: ["del", "\u2212"] }[row.kind];
    code.append(make(tag, `line ${row.kind}`, `${sign} ${row.line}\n`));
  });
  byId("difference-text").replaceChildren(added + removed ? make("pre", "", code) : make("p", "", "The text is the same as before."));
  return sum;
}

/** How many lines around a difference are shown. */
const CONTEXT = 2;
