import { createServer, type ListenOptions } from 'hawser';
import { expect, test } from 'vitest';

test('listening nowhere, or on what is no address, is refused with a sentence that shows it', async () => {
  await expect(createServer().listen(undefined as unknown as ListenOptions)).rejects.toThrow(
    /a server listens somewhere/,
  );
  for (const wire of ['grpc', 'thrift']) {
    const bare = { [wire]: 50051 } as unknown as ListenOptions;
    await expect(createServer().listen(bare)).rejects.toThrow(/cannot serve \w+ on 50051: write host:port/);
    const none = { [wire]: null } as unknown as ListenOptions;
    await expect(createServer().listen(none)).rejects.toThrow(/cannot serve \w+ on null: write host:port/);
  }
});
