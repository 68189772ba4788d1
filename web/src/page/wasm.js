// The door to the program in the page: the same code as `stringless render`, compiled to WebAssembly.

/** The compiled program, and its running copy. */
const program = { module: null, exports: null };

/** Unpacks and compiles the program, which stands in the page as base64 of LZMA. */
async function loadProgram() {
  const packed = Uint8Array.from(atob(byId("wasm").textContent.trim()), (letter) => letter.charCodeAt(0));
  program.module = await WebAssembly.compile(unpack(packed));
}

/** Asks the program: an object in, an object out. The program keeps nothing between two calls. */
function call(request) {
  program.exports ??= new WebAssembly.Instance(program.module, {}).exports;
  try {
    const { memory, alloc, call: run } = program.exports;
    const asked = new TextEncoder().encode(JSON.stringify(request));
    const place = alloc(asked.length);
    new Uint8Array(memory.buffer).set(asked, place);
    const answer = run(place, asked.length);
    // The memory may have grown: its buffer is another one now.
    const length = new DataView(memory.buffer).getUint32(answer, true);
    return JSON.parse(new TextDecoder().decode(new Uint8Array(memory.buffer, answer + 4, length)));
  } catch (fault) {
    // What failed once is in no known state: the next call starts a new copy.
    program.exports = null;
    throw fault;
  }
}
