/**
 * What decoders charge for hostile messages beside what the heap gains by them, kept by the hundred: one message alone is lost in what else
 * a heap does. For programs of their own, run with --expose-gc.
 */
import {
  type DecodeAccount,
  DecodeBudgetError,
  decodedBytes,
  releaseDecoded,
} from '../../../src/contract/decode-budget.js';

const gc = globalThis.gc as () => void;
const perBatch = 250;

export interface Hoarding<One> {
  /** A message that a peer may send. */
  readonly hostile: () => One;
  /** Decodes as a server does. Returns what is kept. */
  readonly decoded: (one: One, account: DecodeAccount) => unknown;
}

/** Prints what came of `count` messages, as JSON. */
export function measure<One>(count: number, { hostile, decoded }: Hoarding<One>): void {
  const result = { messages: 0, refused: 0, malformed: 0, charged: 0, gained: 0, worst: Number.POSITIVE_INFINITY };

  /** Those that decode: once, so that the code is compiled and its shapes are known before anything is measured. */
  function decodable(batch: readonly One[]): One[] {
    return batch.filter((one) => {
      const account: DecodeAccount = { finished: false, decodedBytes: 0 };
      try {
        decoded(one, account);
        return true;
      } catch (error) {
        if (error instanceof DecodeBudgetError) result.refused++;
        else result.malformed++;
        return false;
      } finally {
        releaseDecoded(account);
      }
    });
  }

  function measured(batch: readonly One[]): { readonly charged: number; readonly gained: number } {
    const account: DecodeAccount = { finished: false, decodedBytes: 0 };
    const kept: unknown[] = new Array(batch.length).fill(undefined);
    const once = (): { readonly charged: number; readonly gained: number } => {
      kept.fill(undefined);
      gc();
      const before = process.memoryUsage().heapUsed;
      for (const [at, one] of batch.entries()) kept[at] = decoded(one, account);
      gc();
      const gained = process.memoryUsage().heapUsed - before;
      const charged = account.decodedBytes;
      releaseDecoded(account);
      return { charged, gained };
    };
    let best = once();
    // The heap has other things to do now and then: what does not repeat was not the messages.
    for (let again = 0; again < 3 && best.charged < best.gained * 0.8; again++) {
      const next = once();
      if (next.gained < best.gained) best = next;
    }
    return best;
  }

  for (let made = 0; made < count; made += perBatch) {
    const batch = decodable(Array.from({ length: Math.min(perBatch, count - made) }, hostile));
    const { charged, gained } = measured(batch);
    result.messages += batch.length;
    result.charged += charged;
    result.gained += gained;
    result.worst = Math.min(result.worst, charged / gained);
  }
  if (decodedBytes() !== 0) throw new Error(`${decodedBytes()} bytes are still charged`);
  console.log(JSON.stringify(result));
}
