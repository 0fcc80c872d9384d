/** When a feature is used: both ends understand it, both use it, and where it is asked for all peers do. */
import { describe, expect, it } from 'vitest';
import { PeerAgreement } from '../../src/interceptors/features.js';
import { VirtualClock } from '../../src/testing.js';
import { MarketPlace, wires } from '../support/market-served.js';

const ask = { fish: 'cod' };

describe.each(wires)('a feature over %s', (wire) => {
  it('is used when both ends understand it and use it, and not before', async () => {
    const place = new MarketPlace(wire);
    await place.serve(3, { features: { active: ['notes', 'origin'] } });
    const some = place.client(3, { features: { active: ['grades', 'origin'] } });
    const old = place.client(1);
    expect(await some.last(ask)).toEqual({ fish: 'cod', origin: 'north by 1.3' });
    expect(await old.last(ask)).toEqual({ fish: 'cod' });
    expect(place.seen.map(({ features }) => features)).toEqual([['origin'], ['notes']]);
    expect(some.$negotiated()[0]?.features).toEqual(['origin']);
    expect([some.$has('origin'), some.$has('notes'), some.$has('grades'), some.$has('nonsense')]).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect(old.$has('notes')).toBe(true);
  });

  it('that waits for all peers is used once none without it has called for as long as `drain`', async () => {
    const clock = new VirtualClock();
    const place = new MarketPlace(wire);
    await place.serve(3, { clock, features: { activation: 'when-all-peers', drain: '30s' } });
    const [modern, old] = [place.client(3), place.client(1)];
    const answer = async () => Object.keys(await modern.last(ask, { timeout: '1h' }));
    expect(await answer()).toEqual(['fish']);
    await clock.advance(20_000);
    await old.last(ask, { timeout: '1h' });
    await clock.advance(15_000);
    // All understand `notes` since the beginning; the old client was seen 15 s ago, and lacks the others.
    await answer();
    expect(place.seen.at(-1)?.features).toEqual(['notes']);
    await clock.advance(15_000);
    expect(await answer()).toEqual(['fish', 'origin', 'grade']);
    await answer();
    expect([modern.$has('notes'), modern.$has('grades')]).toEqual([true, true]);
    // The old one is back: no more, from this very call on.
    await old.last(ask, { timeout: '1h' });
    expect(await answer()).toEqual(['fish']);
    expect([modern.$has('notes'), modern.$has('grades')]).toEqual([true, false]);
  });
});

describe('the agreement of all peers', () => {
  it('says when it has changed, and only then', async () => {
    const clock = new VirtualClock();
    const peers = new PeerAgreement(['a', 'b'], clock, 100);
    expect(peers.called(['a', 'b'])).toBe(false);
    await clock.advance(100);
    expect([peers.called(['a']), peers.active]).toEqual([true, ['a']]);
    expect(peers.called(['a'])).toBe(false);
    await clock.advance(100);
    expect([peers.called(['b', 'a']), peers.active]).toEqual([true, ['a', 'b']]);
    expect([peers.called([]), peers.active]).toEqual([true, []]);
  });
});
