/** `--chaos` without a terminal: follows the prices, cuts the network, restarts the server, and prints what came of it. */
import { type Follower, follow, passed } from './followers.js';
import type { MarketServer } from './market-server.js';

/** ms between two trades. */
const pace = 20;
/** ms within which everyone is back, and all that it holds is of one time. */
const patience = 30_000;

/** Throws an Error when somebody does not come back, or lost something. */
export async function chaos(market: MarketServer): Promise<void> {
  const began = performance.now();
  market.trade(pace);
  console.log(`Two subscribers follow the prices, ${1000 / pace} updates a second:\n`);
  const followers = await follow(market, (what) => {
    console.log(`  ${((performance.now() - began) / 1000).toFixed(1).padStart(5)} s  ${what}`);
  });
  try {
    await passed(1000);
    const before = market.head;
    await followers.cut();
    await all(followers.each, (one) => isBack(one, before));
    await passed(1000);
    // Between two consistent states every update is accounted for.
    await all(followers.each, ({ subscription }) => subscription.consistent);
    console.log('');
    for (const { name, outcome, subscription } of followers.each) {
      const { position, stats } = subscription;
      const { represented, skipped, gapped } = stats;
      console.log(
        `  ${name.padEnd(9)}  ${outcome?.padEnd(9)}  at ${position?.seq} of ${market.head}: ${represented} updates, ${skipped} skipped, ${gapped} lost`,
      );
      if (gapped > 0) throw new Error(`${name} lost ${gapped} updates`);
    }
    console.log('');
  } finally {
    await followers.close();
  }
}

async function all(followers: readonly Follower[], wanted: (one: Follower) => boolean): Promise<void> {
  for (const until = performance.now() + patience; !followers.every(wanted); ) {
    if (performance.now() > until) throw new Error(`a subscriber was not back after ${patience / 1000} s`);
    await passed(10);
  }
}

/** It has come back, and past what there was before. */
function isBack({ recoveries, subscription }: Follower, head: number): boolean {
  return recoveries > 0 && (subscription.position?.seq ?? 0) >= head;
}
