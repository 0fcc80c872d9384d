/**
 * Our implementation of Apache's cross-language test service, over whatever stubs a test generates from
 * ThriftTest.thrift: every method gives back what it got, or the constant that the IDL's comments name.
 */
import type { Handlers, ServiceType } from 'hawser';

/** Values of types that exist only once the stubs are generated. */
export type Fields = Record<string, unknown>;
type ErrorClass = new (init: Fields) => Error;

/** What is used of the generated module. */
export interface ThriftTestStubs {
  readonly ThriftTest: ServiceType;
  readonly SecondService: ServiceType;
  readonly Xception: ErrorClass;
  readonly Xception2: ErrorClass;
  readonly Insanity: { create(init?: Fields): Fields };
  readonly Xtruct: { create(init?: Fields): Fields };
}

export const mapMap = new Map([
  [-4, new Map([-4, -3, -2, -1].map((i) => [i, i]))],
  [4, new Map([1, 2, 3, 4].map((i) => [i, i]))],
]);

/** Handlers of ThriftTest. `oneways` gets the argument of every testOneway. */
export function thriftTest(stubs: ThriftTestStubs, oneways: number[] = []): Handlers<ServiceType> {
  const { Xception, Xception2, Xtruct, Insanity } = stubs;
  const same = ({ thing }: Fields): unknown => thing;
  const handlers: Record<string, (request: Fields) => unknown> = {
    testVoid: () => undefined,
    testString: same,
    testBool: same,
    testByte: same,
    testI32: same,
    testI64: same,
    testDouble: same,
    testBinary: same,
    testStruct: same,
    testNest: same,
    testMap: same,
    testStringMap: same,
    testSet: same,
    testList: same,
    testEnum: same,
    testTypedef: same,
    testMapMap: () => mapMap,
    testInsanity: ({ argument }) => insane(argument, Insanity.create()),
    testMulti: ({ arg0, arg1, arg2 }) =>
      Xtruct.create({ stringThing: 'Hello2', byteThing: arg0, i32Thing: arg1, i64Thing: arg2 }),
    testException: ({ arg }) => {
      if (arg === 'Xception') throw new Xception({ errorCode: 1001, message: arg });
      if (arg === 'TException') throw new Error('this is not declared');
    },
    testMultiException: ({ arg0, arg1 }) => {
      if (arg0 === 'Xception') throw new Xception({ errorCode: 1001, message: 'This is an Xception' });
      if (arg0 === 'Xception2') {
        const structThing = Xtruct.create({ stringThing: 'This is an Xception2' });
        throw new Xception2({ errorCode: 2002, structThing });
      }
      return Xtruct.create({ stringThing: arg1 });
    },
    testOneway: ({ secondsToSleep }) => void oneways.push(secondsToSleep as number),
  };
  return handlers as Handlers<ServiceType>;
}

/** What testInsanity answers. */
export function insane(argument: unknown, empty: unknown): Map<bigint, Map<number, unknown>> {
  const first = new Map([2, 3].map((numberz) => [numberz, argument]));
  return new Map([
    [1n, first],
    [2n, new Map([[6, empty]])],
  ]);
}

export function secondService(): Handlers<ServiceType> {
  const handlers = { secondtestString: ({ thing }: Fields) => `testString("${thing}")` };
  return handlers as unknown as Handlers<ServiceType>;
}
