/** The Compact protocol's own numbers for types, both ways. Source: doc/specs/thrift-compact-protocol.md. */

/** By TType. 0 where there is none. A bool element is written as type 1; as a field, its type is its value. */
export const compactTypes = new Uint8Array(17);
/** By compact type, 0..15. 0 where there is none. */
export const wireTypes = new Uint8Array(16);

for (const [compact, wire] of [
  [2, 2],
  [1, 2],
  [3, 3],
  [4, 6],
  [5, 8],
  [6, 10],
  [7, 4],
  [8, 11],
  [9, 15],
  [10, 14],
  [11, 13],
  [12, 12],
  [13, 16],
] as const) {
  compactTypes[wire] = compact;
  wireTypes[compact] = wire;
}
