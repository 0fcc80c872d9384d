/** What a deprecated method says of itself: in headers, in the client's log once a day, and in the stub. */
import { describe, expect, it } from 'vitest';
import { docLines } from '../../src/codegen/service-printer.js';
import { unary } from '../../src/contract/method.js';
import type { Deprecation } from '../../src/contract/policy.js';
import { defineService } from '../../src/contract/service.js';
import { type DeprecatedEvent, type Logger, silentLogger } from '../../src/index.js';
import { VirtualClock } from '../../src/testing.js';
import type { Market } from '../support/market-minors.js';
import { MarketPlace, marketOn, type WireName, wires } from '../support/market-served.js';

const day = 86_400_000;
const deprecated = { since: '2026-01-01', sunset: '2027-06-30T12:00:00Z', replacement: 'fish.v2.Market/Latest' };

function market(wire: WireName, policy: Deprecation): Market {
  const { name, idl, methods } = marketOn(wire, 3);
  return defineService({
    name,
    version: '1.3.0',
    idl,
    fingerprint: '',
    methods: { last: unary({ ...methods.last, policy: { deprecated: policy } }) },
  });
}

describe.each(wires)('a deprecated method over %s', (wire) => {
  it('says since when and until when, and its client warns once a day', async () => {
    const place = new MarketPlace(wire);
    await place.serve(3, {}, market(wire, deprecated));
    const warnings: string[] = [];
    const logger: Logger = { ...silentLogger, warn: (_fields, sentence) => void warnings.push(sentence ?? '') };
    const clock = new VirtualClock({ wallTime: Date.parse('2026-11-21T10:00:00Z') });
    const client = place.client(3, { logger, clock, timeout: '100h' }, market(wire, deprecated));
    const events: DeprecatedEvent[] = [];
    client.$on('deprecated', (event) => events.push(event));
    const call = client.last({ fish: 'cod' });
    await call;
    const headers = await call.headers;
    expect(headers.get('deprecation')).toBe(`@${Date.parse('2026-01-01') / 1_000}`);
    expect(headers.get('sunset')).toBe('Wed, 30 Jun 2027 12:00:00 GMT');
    await client.last({ fish: 'cod' });
    const sentence =
      '/fish.v1.Market/Last is deprecated since 2026-01-01; it may be gone after 2027-06-30; use fish.v2.Market/Latest';
    expect(warnings).toEqual([sentence]);
    await clock.advance(day);
    await client.last({ fish: 'cod' });
    await client.last({ fish: 'cod' });
    expect(warnings).toEqual([sentence, sentence]);
    expect(events).toHaveLength(2);
    expect(events[0]).toMatchObject({
      since: new Date('2026-01-01'),
      sunset: new Date('2027-06-30T12:00:00Z'),
      replacement: 'fish.v2.Market/Latest',
    });
  });

  it('says so with a failure, too, and a version in the place of a date is some time ago', async () => {
    const place = new MarketPlace(wire);
    const old = market(wire, { since: '1.2' });
    await place.serve(3, { authorize: () => false }, old);
    const warnings: string[] = [];
    const logger: Logger = { ...silentLogger, warn: (_fields, sentence) => void warnings.push(sentence ?? '') };
    // A client whose own stub knows nothing of it.
    const client = place.client(3, { logger });
    await expect(client.last({ fish: 'cod' })).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    expect(warnings).toEqual(['/fish.v1.Market/Last is deprecated']);
  });
});

describe('the stub of a deprecated method', () => {
  it('carries the tag that editors strike through, with all that the IDL says', () => {
    expect(docLines('The last sale.', '  ', { deprecated })).toEqual([
      '  /**',
      '   * The last sale.',
      '   * @deprecated since 2026-01-01; gone after 2027-06-30T12:00:00Z; use fish.v2.Market/Latest',
      '   */',
    ]);
    expect(docLines(undefined, '', { deprecated: {} })).toEqual(['/** @deprecated */']);
  });
});
