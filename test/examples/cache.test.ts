import { expect, it } from 'vitest';
import { cacheServer, openCache } from '../../examples/cache/cache.js';

type Copy = Awaited<ReturnType<typeof openCache>>;

/** Resolves when the copy is as wanted. */
function until(copy: Copy, wanted: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!wanted()) return;
      off();
      resolve();
    };
    const off = copy.onChange(look);
    look();
  });
}

const text = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString();

it('gives every copy what any of them has put, removed or let expire', async () => {
  const server = cacheServer();
  const { grpc } = await server.listen({ grpc: '127.0.0.1:0' });
  const [one, other] = await Promise.all([openCache(`grpc://${grpc}`), openCache(`grpc://${grpc}`)]);
  try {
    await one.put('cod', Buffer.from('5.20'));
    await other.put('eel', Buffer.from('8.00'));
    await other.put('ice', Buffer.from('melts'), 10);
    await until(one, () => text(one.get('eel')) === '8.00');
    await until(other, () => text(other.get('cod')) === '5.20');
    await other.remove('cod');
    await until(one, () => one.get('cod') === undefined && one.get('ice') === undefined);
    expect([text(one.get('eel')), text(other.get('eel')), one.stale]).toEqual(['8.00', '8.00', false]);
  } finally {
    await Promise.all([one.close(), other.close()]);
    await server.close({ grace: 0 });
  }
});

it('keeps the copy, and says that it may be old, while the server is away', async () => {
  const server = cacheServer();
  const { grpc } = await server.listen({ grpc: '127.0.0.1:0' });
  const copy = await openCache(`grpc://${grpc}`);
  try {
    await copy.put('cod', Buffer.from('5.20'));
    await until(copy, () => copy.get('cod') !== undefined);
    await server.close({ grace: 0 });
    await expect.poll(() => copy.stale).toBe(true);
    expect(text(copy.get('cod'))).toBe('5.20');
  } finally {
    await copy.close();
  }
});
