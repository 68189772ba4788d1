// Unpacks LZMA, in the form of a `.lzma` file with a known size. Browsers unpack only gzip, whose window is too small
// for the program: the page would be a third larger. After the specification in the LZMA SDK.

/** The bytes that `packed` holds. */
function unpack(packed) {
  const [lc, lp, pb] = [packed[0] % 9, Math.floor(packed[0] / 9) % 5, Math.floor(packed[0] / 45)];
  const out = new Uint8Array(new DataView(packed.buffer, packed.byteOffset).getUint32(5, true));
  const bits = new Bits(packed, HEADER);
  const literals = evenChances(0x300 << (lc + lp));
  const [isMatch, isLongRepeat] = [evenChances(STATES << 4), evenChances(STATES << 4)];
  const [isRepeat, isOlder, isOlder2, isOlder3] = [1, 2, 3, 4].map(() => evenChances(STATES));
  const distances = new Distances();
  const [lengths, repeatLengths] = [new Lengths(), new Lengths()];
  // The last four distances, each less one, and what the last steps were.
  let [d0, d1, d2, d3] = [0, 0, 0, 0];
  let state = 0;
  let at = 0;
  while (at < out.length) {
    const place = at & ((1 << pb) - 1);
    if (!bits.next(isMatch, (state << 4) + place)) {
      const before = at ? out[at - 1] : 0;
      const context = ((at & ((1 << lp) - 1)) << lc) + (before >> (8 - lc));
      out[at] = literal(bits, literals, 0x300 * context, state < 7 ? null : out[at - d0 - 1]);
      at += 1;
      state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
      continue;
    }
    let length;
    if (!bits.next(isRepeat, state)) {
      [d3, d2, d1] = [d2, d1, d0];
      length = lengths.read(bits, place);
      d0 = distances.read(bits, length);
      state = state < 7 ? 7 : 10;
    } else if (bits.next(isOlder, state)) {
      if (!bits.next(isOlder2, state)) [d0, d1] = [d1, d0];
      else if (!bits.next(isOlder3, state)) [d0, d1, d2] = [d2, d0, d1];
      else [d0, d1, d2, d3] = [d3, d0, d1, d2];
      length = repeatLengths.read(bits, place);
      state = state < 7 ? 8 : 11;
    } else if (bits.next(isLongRepeat, (state << 4) + place)) {
      length = repeatLengths.read(bits, place);
      state = state < 7 ? 8 : 11;
    } else {
      length = 1;
      state = state < 7 ? 9 : 11;
    }
    for (const end = at + length; at < end; at += 1) out[at] = out[at - d0 - 1];
  }
  return out;
}

/** A byte. After a match, the byte that would have followed it (`like`) is what to expect, bit for bit. */
function literal(bits, chances, base, like) {
  let symbol = 1;
  for (let left = 7; like !== null && left >= 0; left -= 1) {
    const expected = (like >> left) & 1;
    const bit = bits.next(chances, base + ((1 + expected) << 8) + symbol);
    symbol = (symbol << 1) | bit;
    if (bit !== expected) break;
  }
  while (symbol < 0x100) symbol = (symbol << 1) | bits.next(chances, base + symbol);
  return symbol & 0xff;
}

/** The reader of single bits: each has a chance, which every bit read corrects. */
class Bits {
  constructor(bytes, at) {
    this.bytes = bytes;
    this.range = 0xffffffff;
    // The first byte is always zero.
    this.code = new DataView(bytes.buffer, bytes.byteOffset).getUint32(at + 1);
    this.at = at + 5;
  }

  /** The bit whose chance of being zero is `chances[index]` of 2048. */
  next(chances, index) {
    const chance = chances[index];
    const bound = (this.range >>> 11) * chance;
    const bit = this.code < bound ? 0 : 1;
    if (bit) {
      this.range -= bound;
      this.code -= bound;
      chances[index] = chance - (chance >> 5);
    } else {
      this.range = bound;
      chances[index] = chance + ((2048 - chance) >> 5);
    }
    if (this.range < 0x1000000) this.shift();
    return bit;
  }

  /** `count` bits that are as often one as zero. */
  even(count) {
    let value = 0;
    for (let left = count; left > 0; left -= 1) {
      this.range = this.range >>> 1;
      const bit = this.code < this.range ? 0 : 1;
      if (bit) this.code -= this.range;
      value = (value << 1) | bit;
      if (this.range < 0x1000000) this.shift();
    }
    return value >>> 0;
  }

  /** A number of `count` bits, the highest first. */
  tree(chances, base, count) {
    let symbol = 1;
    for (let left = count; left > 0; left -= 1) symbol = (symbol << 1) | this.next(chances, base + symbol);
    return symbol - (1 << count);
  }

  /** A number of `count` bits, the lowest first. */
  reverseTree(chances, base, count) {
    let [symbol, value] = [1, 0];
    for (let index = 0; index < count; index += 1) {
      const bit = this.next(chances, base + symbol);
      symbol = (symbol << 1) | bit;
      value |= bit << index;
    }
    return value;
  }

  shift() {
    this.range = (this.range << 8) >>> 0;
    this.code = ((this.code << 8) | (this.bytes[this.at] ?? 0)) >>> 0;
    this.at += 1;
  }
}

/** The lengths of matches: from 2 on, in three ranges. */
class Lengths {
  constructor() {
    this.choice = evenChances(2);
    [this.low, this.middle, this.high] = [evenChances(16 << 3), evenChances(16 << 3), evenChances(256)];
  }

  read(bits, place) {
    if (!bits.next(this.choice, 0)) return 2 + bits.tree(this.low, place << 3, 3);
    if (!bits.next(this.choice, 1)) return 10 + bits.tree(this.middle, place << 3, 3);
    return 18 + bits.tree(this.high, 0, 8);
  }
}

/** The distances of matches, each less one: short matches are mostly near. */
class Distances {
  constructor() {
    this.slots = [1, 2, 3, 4].map(() => evenChances(64));
    [this.near, this.aligned] = [evenChances(128), evenChances(16)];
  }

  read(bits, length) {
    const slot = bits.tree(this.slots[Math.min(length - 2, 3)], 0, 6);
    if (slot < 4) return slot;
    const more = (slot >> 1) - 1;
    const base = (2 | (slot & 1)) << more;
    if (slot < 14) return base + bits.reverseTree(this.near, base - slot, more);
    return base + bits.even(more - 4) * 16 + bits.reverseTree(this.aligned, 0, 4);
  }
}

function evenChances(count) {
  return new Uint16Array(count).fill(1024);
}

/** How many states there are of what the last steps were. */
const STATES = 12;
/** The bytes of properties, dictionary and size before the packed ones. */
const HEADER = 13;
