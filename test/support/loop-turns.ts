/** For peers on real sockets in this process: what was written has arrived after a few turns of the loop. */
export async function loopTurns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Turns the loop until it holds. Throws an Error after `patience` ms. */
export async function until(what: string, holds: () => boolean, patience = 10_000): Promise<void> {
  const end = performance.now() + patience;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`${what}: not after ${patience} ms`);
    await loopTurns(1);
  }
}
