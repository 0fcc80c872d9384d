import { describe, expect, it } from 'vitest';
import * as proto from '../../gen/market/v1/market.rpc.js';
import * as thrift from '../../gen/market.js';
import type { MethodType } from '../../src/contract/method.js';
import type { ServiceType } from '../../src/contract/service.js';

/** All that a descriptor says, but for what must differ: the IDL, the fingerprint and the codecs. */
function comparable(service: ServiceType): object {
  return {
    name: service.name,
    version: service.version,
    policy: service.policy,
    topics: service.topics.map((one) => one.name),
    methods: Object.entries<MethodType>(service.methods).map(([key, method]) => ({
      key,
      name: method.name,
      localName: method.localName,
      kind: method.kind,
      path: method.path,
      keyProperty: method.keyProperty,
      policy: method.policy,
      errors: method.errors.map(({ id, type }) => ({ id, type: type.typeName })),
    })),
  };
}

describe('one service written in both IDLs', () => {
  it('compiles to equal descriptors', () => {
    expect(comparable(thrift.TradeHistory)).toEqual(comparable(proto.TradeHistory));
    expect(comparable(thrift.Orders)).toEqual(comparable(proto.Orders));
  });

  it('says which IDL it came from, and has a fingerprint of its own', () => {
    expect([proto.TradeHistory.idl, thrift.TradeHistory.idl]).toEqual(['proto', 'thrift']);
    for (const { fingerprint } of [proto.TradeHistory, thrift.TradeHistory])
      expect(fingerprint).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is frozen', () => {
    for (const service of [proto.TradeHistory, thrift.TradeHistory]) {
      expect(Object.isFrozen(service)).toBe(true);
      expect(Object.isFrozen(service.methods)).toBe(true);
      expect(Object.isFrozen(service.methods.getLastSale.policy)).toBe(true);
    }
  });
});
