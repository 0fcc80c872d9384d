/** Every instrument that the runtime makes, by a meter that only writes them down. */
import { makeInstruments } from '../../src/telemetry/instruments.js';

export function instrumentUnits(): Record<string, string> {
  const units: Record<string, string> = {};
  const write = (name: string, { unit = '' }: { unit?: string } = {}) => {
    units[name] = unit;
    return {};
  };
  makeInstruments({ createHistogram: write, createCounter: write, createObservableGauge: write } as never);
  return units;
}
