/** A cache that many processes share: reads are local, a write goes to the server and from there to everyone's copy. */
import { createClient, createServer, RpcError } from 'hawser';
import { Cache } from '../../gen/cache/v1/cache.rpc.js';

/** The one that orders the writes. Restarted without a store it begins empty, and every copy is told so. */
export function cacheServer() {
  const server = createServer().add(Cache, {
    async put({ entry, ttlMs }) {
      if (entry === undefined) throw new RpcError('INVALID_ARGUMENT', 'an entry is needed', { reason: 'NO_ENTRY' });
      await entries.publish(entry, ttlMs > 0 ? { ttl: ttlMs } : {});
      return {};
    },
    async remove({ key }) {
      await entries.delete(key);
      return {};
    },
  });
  const entries = server.topic(Cache.methods.entries);
  return server;
}

/** A copy of the cache. It survives lost connections and restarts of the server; `stale` says that it may be old. */
export async function openCache(address: string) {
  const client = createClient(Cache, address);
  const copy = client.entries.subscribe({}, { changes: false });
  await copy.ready;
  return {
    get: (key: string): Uint8Array | undefined => copy.replica().get(key)?.value,
    all: () => new Map([...copy.replica()].map(([key, { value }]) => [key, value])),
    put: async (key: string, value: Uint8Array, ttlMs = 0) => void (await client.put({ entry: { key, value }, ttlMs })),
    remove: async (key: string) => void (await client.remove({ key })),
    get stale(): boolean {
      return copy.state !== 'Live';
    },
    /** Calls `fn` whenever the copy is a state of the cache again. */
    onChange: (fn: () => void) => copy.on('consistent', fn),
    close: () => client.$close(),
  };
}
