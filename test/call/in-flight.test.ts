import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InFlight, InFlightByName, type Named } from '../../src/call/in-flight.js';
import { runs } from '../support/soak.js';

describe('what is in flight', () => {
  it('is what a Set would hold, whatever comes and goes', () => {
    const step = fc.record({ add: fc.boolean(), which: fc.nat() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const all = new InFlight<object>();
        const places: { readonly place: number; readonly one: object }[] = [];
        const model = new Set<object>();
        for (const { add, which } of steps) {
          if (add || places.length === 0) {
            const one = {};
            places.push({ place: all.add(one), one });
            model.add(one);
          } else {
            // Also what is gone already, whose place may be another's by now.
            const { place, one } = places[which % places.length] as (typeof places)[number];
            expect(all.remove(place, one)).toBe(model.delete(one));
          }
          expect(all.size).toBe(model.size);
        }
        expect(new Set(all)).toEqual(model);
        expect([...all]).toHaveLength(model.size);
      }),
      { numRuns: runs(300) },
    );
  });

  it('may end while it is told to, all of it', () => {
    const all = new InFlight<{ place: number }>();
    for (let i = 0; i < 5; i++) {
      const one = { place: -1 };
      one.place = all.add(one);
    }
    const told = [];
    for (const one of all) {
      told.push(one);
      all.remove(one.place, one);
    }
    expect(told).toHaveLength(5);
    expect(all.size).toBe(0);
  });

  it('takes no more room than was needed at once', () => {
    const all = new InFlight<object>();
    const places = new Set<number>();
    for (let i = 0; i < 10_000; i++) {
      const one = {};
      const place = all.add(one);
      places.add(place);
      all.remove(place, one);
    }
    expect(places).toEqual(new Set([0]));
  });

  it('is what a Map would hold, by name', () => {
    const step = fc.record({ add: fc.boolean(), which: fc.nat() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 2_000 }), (steps) => {
        const all = new InFlightByName<{ value: number }>();
        const model = new Map<string, { value: number }>();
        const added: {
          readonly name: string;
          readonly one: { value: number };
          readonly named: Named<{ value: number }>;
        }[] = [];
        for (const { add, which } of steps) {
          const name = `n${which % 400}`;
          if (add && !model.has(name)) {
            const one = { value: which };
            added.push({ name, one, named: all.add(name, one) });
            model.set(name, one);
          } else if (added.length > 0) {
            // Also what is gone already, whose name may be another's by now.
            const { name, one, named } = added[which % added.length] as (typeof added)[number];
            all.remove(named);
            if (model.get(name) === one) model.delete(name);
          }
        }
        for (let name = 0; name < 400; name++) expect(all.get(`n${name}`)).toBe(model.get(`n${name}`));
      }),
      { numRuns: runs(100) },
    );
  });
});
