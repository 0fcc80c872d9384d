import { expect, it } from 'vitest';
import { type Frame, screen } from '../../examples/market/screen.js';

const subscriber = { terms: 'every update', gapped: 0, prices: new Map([['cod', 5.2]]) };
const frame: Frame = {
  ...{ address: '127.0.0.1:1', head: 40, restarts: 1, running: true, network: false },
  happened: Array.from({ length: 50 }, (_, at) => `event ${at}`),
  subscribers: [
    { ...subscriber, name: 'fast', state: 'Live', outcome: 'REPLAY', seq: 40, lag: 0, represented: 40, skipped: 0 },
    { ...subscriber, name: 'slow', state: 'Stale', outcome: undefined, seq: 9, lag: 31, represented: 4, skipped: 5 },
  ],
};

it('shows position, lag and what was skipped of both subscribers, and the newest events', () => {
  const lines = screen(frame, 90, 30);
  const row = (name: string) =>
    lines
      .find((line) => line.startsWith(`  ${name}`))
      ?.trim()
      .split(/ {2,}/);
  expect(row('position')).toEqual(['position', '40', '9']);
  expect(row('lag')).toEqual(['lag', '0', '31']);
  expect(row('skipped')).toEqual(['skipped', '0', '5']);
  expect(row('cod')).toEqual(['cod', '5.20', '5.20']);
  expect(lines.some((line) => line.includes('network CUT'))).toBe(true);
  expect(lines).toContain('  event 49');
  expect(lines).toHaveLength(30);
});

it.each([
  [20, 5],
  [1, 1],
  [80, 24],
])('fits a terminal of %i by %i', (columns, rows) => {
  const lines = screen(frame, columns, rows);
  expect(lines).toHaveLength(rows);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
});
