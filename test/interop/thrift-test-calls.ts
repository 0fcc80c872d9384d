/** Apache's cross-language test from a client's side: every method of ThriftTest, and what each must answer. */
import { DeclaredError } from 'hawser';
import type { StructCodec } from 'hawser/thrift';
import { expect } from 'vitest';
import { type Fields, insane, mapMap, type ThriftTestStubs } from './thrift-test-service.js';

export type Caller = Record<string, (request?: Fields) => Promise<unknown>>;

/** The generated module, structs by name. */
export type Stubs = ThriftTestStubs & Record<string, StructCodec<Fields>>;

/** Every method but testOneway, with values at the edges of their types. `undeclared`: what a handler's own failure becomes. */
export async function callEverything(stubs: Stubs, client: Caller, undeclared: string): Promise<void> {
  const { Xtruct, Xtruct2, Insanity, Xception, Xception2 } = stubs;
  const call = (name: string, request?: Fields): Promise<unknown> => {
    const method = client[name];
    if (method === undefined) throw new Error(`the client has no ${name}`);
    return method(request);
  };
  const echoes = async (name: string, ...values: unknown[]): Promise<void> => {
    // Together: the answers of calls that are under way at once must not be mixed up.
    expect(await Promise.all(values.map((thing) => call(name, { thing })))).toEqual(values);
  };
  const xtruct = { stringThing: 'Zürich', byteThing: -128, i32Thing: -(2 ** 31), i64Thing: -(2n ** 63n) };
  const blank = Xtruct.create();
  const count = (n: number): number[] => Array.from({ length: n }, (_, i) => 7 - i * 7919);

  expect(await call('testVoid')).toBeUndefined();
  await echoes(
    'testString',
    '',
    'plain',
    '\0 nul',
    '\b\t\n/\\\r{}:パイソン"',
    'e\u0301 ẞ ﷽ 🐟🏳️‍🌈',
    'x'.repeat(100_000),
  );
  await echoes('testBool', true, false);
  await echoes('testByte', 0, 1, -1, 63, 127, -127, -128);
  await echoes('testI32', 0, 1, -1, 127, 128, -65536, 2 ** 31 - 1, -(2 ** 31));
  await echoes('testI64', 0n, -1n, -34359738368n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n));
  const edges = [5e-324, 2 ** -1022, Number.MAX_VALUE, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
  // toEqual tells -0 from 0.
  await echoes('testDouble', 0, -0, 1, -1, -5.235098235, -0.0003410124396385983, Math.PI, ...edges);
  const binaries = [
    Buffer.alloc(0),
    Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
    Buffer.alloc(100_000, 0xfe),
  ];
  for (const thing of binaries) {
    expect(Buffer.from((await call('testBinary', { thing })) as Uint8Array).equals(thing)).toBe(true);
  }
  await echoes('testStruct', xtruct, blank);
  await echoes('testNest', Xtruct2!.create({ byteThing: 127, structThing: xtruct, i32Thing: -1 }));
  const far = new Map([
    [2 ** 31 - 1, -(2 ** 31)],
    [-(2 ** 31), 2 ** 31 - 1],
  ]);
  await echoes('testMap', new Map(), far, new Map(count(5_000).map((i) => [i, -i])));
  const odd = ['', '__proto__', 'constructor', ' x y ', 'é', '🐟'];
  await echoes('testStringMap', new Map(), new Map(odd.map((key, i) => [key, odd.at(-i) as string])));
  await echoes('testSet', new Set(), new Set([8, 1, 42]), new Set(count(1_000)));
  await echoes('testList', ...[0, 1, 14, 15, 16, 127, 128, 10_000].map(count));
  await echoes('testEnum', 1, 2, 3, 5, 6, 8, 77, -1);
  await echoes('testTypedef', 0xffffffffffffffn, -(2n ** 63n));
  expect(await call('testMapMap', { hello: 42 })).toEqual(mapMap);
  const userMap = new Map([
    [5, 2n ** 63n - 1n],
    [77, 0n],
  ]);
  for (const argument of [Insanity.create({ userMap, xtructs: [xtruct, blank] }), Insanity.create()]) {
    expect(await call('testInsanity', { argument })).toEqual(insane(argument, Insanity.create()));
  }
  const arg3 = new Map([-32768, 0, 32767].map((i) => [i, `${i}`]));
  const multi = { arg0: -128, arg1: 0xff00ff, arg2: 0xffffffffd0d0n, arg3, arg4: 5, arg5: 0xf0f0f0n };
  expect(await call('testMulti', multi)).toEqual({
    stringThing: 'Hello2',
    byteThing: -128,
    i32Thing: 0xff00ff,
    i64Thing: 0xffffffffd0d0n,
  });

  expect(await call('testException', { arg: 'Safe' })).toBeUndefined();
  const declared = await call('testException', { arg: 'Xception' }).catch((error: unknown) => error);
  expect(declared).toBeInstanceOf(Xception);
  expect(declared).toBeInstanceOf(DeclaredError);
  expect(declared).toMatchObject({ errorCode: 1001, message: 'Xception' });
  await expect(call('testException', { arg: 'TException' })).rejects.toMatchObject({ code: undeclared });
  const multiException = (arg0: string): Promise<unknown> => call('testMultiException', { arg0, arg1: 'foobar' });
  const first = await multiException('Xception').catch((error: unknown) => error);
  expect(first).toBeInstanceOf(Xception);
  expect(first).toMatchObject({ errorCode: 1001, message: 'This is an Xception' });
  const second = await multiException('Xception2').catch((error: unknown) => error);
  expect(second).toBeInstanceOf(Xception2);
  expect(second).toMatchObject({ errorCode: 2002, structThing: { stringThing: 'This is an Xception2' } });
  expect(await multiException('success')).toEqual(Xtruct.create({ stringThing: 'foobar' }));
}
