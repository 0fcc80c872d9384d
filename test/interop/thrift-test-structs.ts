/** Values of the structs of ThriftTest.thrift, and of structs that hold themselves. */
import type { Stubs } from './thrift-test-calls.js';
import type { Fields } from './thrift-test-service.js';

/** Apache's suite has these in a file of its own, which the corpus has not. */
export const loopsIdl = `
namespace py loops
struct Tree { 1: list<Tree> children; 2: i16 item }
struct Chain { 1: optional Chain & next; 2: i32 item }
struct Left { 1: optional Right other }
struct Right { 1: optional Left other }
`;

export function recursive(): [name: string, value: Fields][] {
  let tree: Fields = { children: [], item: 0 };
  for (let item = 1; item < 8; item++) tree = { children: [tree, { children: [], item: -item }], item };
  // Structs may nest 64 deep.
  let chain: Fields = { item: 0 };
  for (let item = 1; item < 60; item++) chain = { next: chain, item };
  return [
    ['Tree', tree],
    ['Chain', chain],
    ['Left', { other: { other: { other: {} } } }],
  ];
}

export function newer(stubs: Stubs): Fields {
  return stubs.VersioningTestV2!.create({
    beginInBoth: 1,
    newint: 2,
    newbyte: 3,
    newshort: 4,
    newlong: 5n,
    newdouble: -0,
    newstruct: { message: 'Hello!', type: 123 },
    newlist: [7, 8, 8],
    newset: new Set([9, 10]),
    newmap: new Map([[1, -1]]),
    newstring: 'Hola!',
    endInBoth: 12,
  });
}

/** Structs with a value of each; with the struct to read them as, and what is then expected, where that is another. */
export function structs(stubs: Stubs): [name: string, value: Fields, as?: string, expected?: Fields][] {
  const create = (name: string, init?: Fields): Fields => stubs[name]!.create(init);
  const bonk = { message: 'bonk', type: -1 };
  const xtruct = create('Xtruct', { stringThing: 'é', byteThing: -1, i32Thing: 5, i64Thing: 2n ** 60n });
  const insanity = create('Insanity', { userMap: new Map([[1, -1n]]), xtructs: [xtruct] });
  const bools = { imTrue: true, imFalse: false };
  const deltas = {
    b1: bools,
    b10: bools,
    b100: bools,
    checkTrue: true,
    b1000: bools,
    checkFalse: false,
    vertwo2000: newer(stubs),
    aSet2500: new Set(['lazy', 'brown']),
    vertwo3000: newer(stubs),
    bigNumbers: [2 ** 31 - 1, -(2 ** 31), 0, 127, 128],
  };
  // list<map<set<i32>, map<i32, set<list<map<Insanity, string>>>>>>: Python cannot hash an Insanity, so there is none.
  const listField = [[[new Set([1, 2]), new Map([[3, [[[], []]]]])]]];
  const nesting = { stringField: 's', setField: [], listField, binaryField: Buffer.from([0, 255]) };
  const both = { beginInBoth: 1, endInBoth: 12 };
  return [
    ['Bonk', bonk],
    ['Xtruct2', create('Xtruct2', { byteThing: 1, structThing: xtruct, i32Thing: 2 })],
    ['Insanity', insanity],
    ['CrazyNesting', nesting],
    ['CrazyNesting', { listField: [], stringField: '', binaryField: Buffer.alloc(0) }],
    ...[
      { field: 'mapThing', value: new Map([[5, 1n]]) },
      { field: 'stringThing', value: '' },
      { field: 'i32Thing', value: 0 },
      { field: 'insanityThing', value: insanity },
    ].map(({ field, value }): [string, Fields] => ['SomeUnion', { $case: field, value }]),
    ['EmptyStruct', {}],
    ['OneField', { field: {} }],
    ['LargeDeltas', create('LargeDeltas', deltas)],
    ['NestedListsI32x2', { integerlist: [[1, 2], [], [3]] }],
    ['NestedListsI32x3', { integerlist: [[[2, 7], [3]], [[]], []] }],
    [
      'NestedMixedx2',
      {
        intSetList: [new Set([1]), new Set()],
        mapIntStrset: new Map([[9, new Set(['a'])]]),
        mapIntStrsetList: [new Map([[1, new Set()]])],
      },
    ],
    ['NestedListsBonk', { bonk: [[[bonk], []]] }],
    ['BoolTest', create('BoolTest', { b: false })],
    ['BoolTest', create('BoolTest')],
    ['StructB', create('StructB', { aa: { s: 'a' }, ab: { s: '' } })],
    ['OptionalSetDefaultTest', create('OptionalSetDefaultTest')],
    ['OptionalBinary', create('OptionalBinary', { binMap: [[Buffer.from([255, 254]), 1]] })],
    ['VersioningTestV2', newer(stubs), 'VersioningTestV1', create('VersioningTestV1', both)],
    [
      'VersioningTestV1',
      create('VersioningTestV1', { ...both, oldString: 'old' }),
      'VersioningTestV2',
      create('VersioningTestV2', both),
    ],
  ];
}
