/** Subscribers whose link can be made slow, all of them at once: a process of its own, so that it takes no time from the others. */
import { faultProxy } from 'hawser/testing';
import type { Actor } from '../harness/actor.js';
import { feedClient } from './feed.js';

export const slowReadersModule = import.meta.filename;

export async function slowReaders({ address, acks }: { address: string; acks: number }): Promise<Actor> {
  const proxy = await faultProxy({ target: address });
  return {
    ...feedClient({ name: 'hawser', address: proxy.address, acks }),
    /** Bytes a second, of each connection. */
    slow: ({ bandwidth }: { bandwidth: number }) => proxy.set({ bandwidth }),
    end: () => proxy.close(),
  };
}
