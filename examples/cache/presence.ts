/** Who is there: a topic with keys and a time to live, here that of the cache. Whoever stays away is deleted for all. */
import { openCache } from './cache.js';

/** Comes in as `name`, and says so again every third of `ttlMs`. */
export async function joinPresence(address: string, name: string, status: string, ttlMs = 30_000) {
  const entries = await openCache(address);
  const here = () => entries.put(name, Buffer.from(status), ttlMs);
  await here();
  // One beat that is lost costs nothing: the next comes in time.
  const beat = setInterval(() => void here().catch(() => {}), ttlMs / 3);
  const stop = async (): Promise<void> => {
    clearInterval(beat);
    await entries.close();
  };
  return {
    /** The status of each who is there, by name. */
    others: () => entries.all(),
    onChange: entries.onChange,
    async leave(): Promise<void> {
      clearInterval(beat);
      await entries.remove(name);
      await stop();
    },
    /** Goes without a word, as one does whose process dies. */
    vanish: stop,
  };
}
