/**
 * What is drawn of a history beside its trouble with links: pauses of the event loop, groups that are larger than a frame, clients
 * that publish, bytes that are no message among it, and times in which nobody is connected.
 */
import type { SeededRandom } from '../../../src/testing/random.js';
import type { SimClient } from './sim-client.js';
import type { SimServer } from './sim-server.js';

export interface Hardships {
  /** Updates of an atomic group at most. */
  readonly largestGroup: number;
  /** Bytes that a frame to a client aims at. */
  readonly frameBytes: number;
  /** ms between two signs of life. */
  readonly heartbeatMs: number;
  readonly pauses: boolean;
  readonly foreign: boolean;
  readonly quiet: boolean;
}

/** A history as before there were any. */
export const none: Hardships = {
  largestGroup: 3,
  frameBytes: 1024,
  heartbeatMs: 1000,
  pauses: false,
  foreign: false,
  quiet: false,
};

export function hardshipsOf(random: SeededRandom): Hardships {
  const large = random.chance(0.4);
  return {
    largestGroup: large ? 4 + random.int(20) : 3,
    // A group of 24 updates goes in up to ten parts.
    frameBytes: large ? 12 + random.int(30) : 1024,
    heartbeatMs: random.chance(0.4) ? 15_000 : 1000,
    pauses: random.chance(0.25),
    foreign: random.chance(0.3),
    quiet: random.chance(0.25),
  };
}

export interface Suffering {
  readonly hardships: Hardships;
  readonly random: SeededRandom;
  readonly server: SimServer;
  readonly clients: readonly SimClient[];
  readonly keyed: boolean;
}

/** Once in a while, whatever of it was drawn. */
export function suffer({ hardships, random, server, clients, keyed }: Suffering): void {
  if (hardships.pauses && random.chance(0.02)) server.pauseLoop(200 + random.int(3000));
  if (hardships.foreign && random.chance(0.05)) {
    const key = keyed ? `k${random.int(6)}` : '';
    if (random.chance(0.5)) server.publishFrom(key, `${key}:f${random.int(1000)}`);
    // A stray message, one that was cut, one of another key, or nothing at all.
    else server.publishFrom(key, random.pick(['\xff\xfe', `${key}`, 'k99:1', '']));
  }
  if (hardships.quiet && random.chance(0.015)) {
    server.quieten(500 + random.int(4000));
    for (const client of clients) client.link?.cut(random.int(50));
  }
}
