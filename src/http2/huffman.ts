/**
 * Decodes Huffman-coded strings by an automaton that eats four bits at a time: the shortest code has five, so each step gives
 * at most one byte. Strings that we send are not coded: that costs more than it saves.
 * Source: RFC 7541, section 5.2.
 */
import { ConnectionError, ErrorCode } from './error-code.js';
import { huffmanCodes, huffmanLengths } from './huffman-code.js';

/** A step's entry: the next state in the low 12 bits, `emits` if a byte comes out, and that byte from bit 16 on; -1 is an error. */
const emits = 1 << 12;
const stateMask = emits - 1;
const endOfString = 256;

interface Automaton {
  /** state * 16 + four bits */
  readonly steps: Int32Array;
  /** Whether a string may end in this state: only fewer than eight bits of padding, all ones, are left over. */
  readonly accepts: Uint8Array;
}

const automaton = build();

/** Decodes [from, to) into `target` from 0 on, which must have room for 8/5 of the bytes; returns how many there are. */
export function decodeHuffman(bytes: Uint8Array, from: number, to: number, target: Uint8Array): number {
  const { steps, accepts } = automaton;
  let state = 0;
  let length = 0;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number;
    let step = steps[(state << 4) | (byte >>> 4)] as number;
    if (step < 0) throw invalid();
    if ((step & emits) !== 0) target[length++] = step >>> 16;
    step = steps[((step & stateMask) << 4) | (byte & 15)] as number;
    if (step < 0) throw invalid();
    if ((step & emits) !== 0) target[length++] = step >>> 16;
    state = step & stateMask;
  }
  if (accepts[state] === 0) throw invalid();
  return length;
}

function invalid(): ConnectionError {
  return new ConnectionError(ErrorCode.COMPRESSION_ERROR, 'a header string is not valid Huffman code');
}

/** A node of the code tree: for each bit the number of the next node, or `-2 - symbol` at a leaf. */
type TreeNode = [zero: number, one: number];

function build(): Automaton {
  const nodes: TreeNode[] = [[-1, -1]];
  for (let symbol = 0; symbol <= endOfString; symbol++) {
    const last = symbol === endOfString;
    plant(
      nodes,
      symbol,
      last ? 0x3fffffff : (huffmanCodes[symbol] as number),
      last ? 30 : (huffmanLengths[symbol] as number),
    );
  }
  const steps = new Int32Array(nodes.length * 16);
  for (let state = 0; state < nodes.length; state++) {
    for (let bits = 0; bits < 16; bits++) steps[state * 16 + bits] = stepOf(nodes, state, bits);
  }
  const accepts = new Uint8Array(nodes.length);
  for (let node = 0, depth = 0; depth < 8; depth++, node = (nodes[node] as TreeNode)[1]) accepts[node] = 1;
  return { steps, accepts };
}

function plant(nodes: TreeNode[], symbol: number, code: number, length: number): void {
  let node = 0;
  for (let i = length - 1; i > 0; i--) {
    const branch = nodes[node] as TreeNode;
    const bit = ((code >>> i) & 1) as 0 | 1;
    if (branch[bit] === -1) branch[bit] = nodes.push([-1, -1]) - 1;
    node = branch[bit];
  }
  (nodes[node] as TreeNode)[(code & 1) as 0 | 1] = -2 - symbol;
}

function stepOf(nodes: readonly TreeNode[], state: number, bits: number): number {
  let node = state;
  let emitted = 0;
  for (let i = 3; i >= 0; i--) {
    const next = (nodes[node] as TreeNode)[((bits >>> i) & 1) as 0 | 1];
    if (next >= 0) {
      node = next;
      continue;
    }
    const symbol = -2 - next;
    // The end-of-string symbol must not appear in a string.
    if (symbol === endOfString) return -1;
    emitted = emits | (symbol << 16);
    node = 0;
  }
  return node | emitted;
}
