/** What goes to an HTTP/2 stream past grpc-js: framed, once for all who get the same. */
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { DirectWriter } from '../../../src/transports/grpc/direct-writer.js';

function writing() {
  const stream = Object.assign(new PassThrough({ highWaterMark: 16 * 1024 }), { respond: () => {} });
  const written: unknown[] = [];
  const { write } = stream;
  stream.write = ((chunk: Buffer) => {
    written.push(chunk);
    return write.call(stream, chunk, 'utf8');
  }) as typeof stream.write;
  const writer = DirectWriter.of({ call: { stream } });
  if (writer === undefined) throw new Error('a stream was not taken for one');
  return { writer, stream, written };
}

test('a message that is shared is framed once for all its streams', () => {
  const [a, b] = [writing(), writing()];
  const message = Buffer.from('abc');
  a.writer.write(message, true);
  b.writer.write(message, true);
  expect(a.written).toEqual([Buffer.from([0, 0, 0, 0, 3, 97, 98, 99])]);
  expect(b.written[0]).toBe(a.written[0]);
});

test('a message that its owner writes again with other bytes arrives with these', () => {
  const { writer, written } = writing();
  const message = Buffer.from('abc');
  writer.write(message, false);
  message.write('xyz');
  writer.write(message, false);
  expect(written.map(String)).toEqual(['\0\0\0\0\x03abc', '\0\0\0\0\x03xyz']);
});

test('a stream of which 64 KiB wait holds its source back until they are gone', async () => {
  const { writer, stream } = writing();
  let full: Promise<void> | undefined;
  let messages = 0;
  while (full === undefined && messages < 100) {
    full = writer.write(Buffer.alloc(8 * 1024), false);
    messages += 1;
  }
  expect(messages).toBeGreaterThan(8);
  expect(messages).toBeLessThan(16);
  stream.resume();
  await full;
});

test('a stream that is gone takes nothing, and where there is none grpc-js serves', () => {
  const { writer, stream, written } = writing();
  stream.destroy();
  expect(writer.write(Buffer.from('abc'), true)).toBeUndefined();
  expect(written).toEqual([]);
  expect(DirectWriter.of({ call: { nextCall: {} } })).toBeUndefined();
  expect(DirectWriter.of({})).toBeUndefined();
});
