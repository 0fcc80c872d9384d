/**
 * Chance as a port: jitter, sampling and load balancing draw from it, so that a test can repeat
 * them. Never for secrets or ids; those come from node:crypto.
 */
export interface Random {
  /** At least 0, less than 1. */
  next(): number;
}

export const systemRandom: Random = { next: () => Math.random() };
