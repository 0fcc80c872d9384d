import fc from 'fast-check';
import { expect, it } from 'vitest';
import { lookAhead, openingOf } from '../../../src/transports/port/openings.js';
import { runs } from '../../support/soak.js';

const bytes = (...parts: (string | number)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from([part]))));

const known: readonly (readonly [string, Buffer])[] = [
  ['http2', bytes('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 0, 0, 0)],
  ['http1', bytes('GET / HTTP/1.1\r\n')],
  ['http1', bytes('OPTIONS * HTTP/1.1\r\n')],
  ['http1', bytes('PROPFIND /a HTTP/1.1\r\n')],
  ['http1', bytes('POST http://a/ HTTP/1.1\r\n')],
  ['http1', bytes('CONNECT a:443 HTTP/1.1\r\n')],
  ['tls', bytes(0x16, 0x03, 0x01, 0x02, 0x00)],
  ['proxy', bytes('PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n')],
  ['proxy', bytes('\r\n\r\n', 0, '\r\nQUIT\n', 0x21)],
  ['thrift', bytes(0, 0, 0, 20, 0x80, 0x01)],
  ['thrift', bytes(0x0d, 0x0a, 0x0d, 0x0b)],
  ['thrift', bytes(0x16, 0x04, 0, 0)],
  ['thrift', bytes(0x80, 0x01, 0, 1)],
  ['thrift', bytes(0x82, 0x21, 1)],
  ['unknown', bytes('INVALID CONNECTION PREFACE\r\n\r\n')],
  ['unknown', bytes('PRI * HTTP/1.1\r\n')],
  ['unknown', bytes('SSH-2.0-OpenSSH_9.6\r\n')],
  ['unknown', bytes('get / HTTP/1.1\r\n')],
  ['unknown', bytes(0x81, 0x01)],
  ['unknown', bytes(0xff)],
  ['unknown', bytes('AAAAAAAAAAAAAAAAAAAAAAAAAAAA')],
];

it.each(known)('%s: %s', (opening, all) => {
  expect(openingOf(all)).toBe(opening);
});

it('says the same wherever the bytes are cut, and never changes its mind', () => {
  for (const [opening, all] of known) {
    let decided: string | undefined;
    for (let end = 0; end <= all.length; end++) {
      const now = openingOf(all.subarray(0, end));
      if (decided !== undefined) expect(now).toBe(decided);
      decided ??= now;
    }
    expect(decided).toBe(opening);
  }
});

it('decides within its look-ahead, on any bytes that begin like something known', () => {
  const near = fc
    .tuple(fc.constantFrom(...known.map(([, all]) => all)), fc.nat(30), fc.uint8Array({ maxLength: 40 }))
    .map(([all, keep, rest]) => Buffer.concat([all.subarray(0, keep), rest]));
  fc.assert(
    fc.property(near, (all) => {
      let decided: string | undefined;
      for (let end = 0; end <= all.length; end++) {
        const now = openingOf(all.subarray(0, end));
        if (decided !== undefined) expect(now).toBe(decided);
        if (end >= lookAhead) expect(now).toBeDefined();
        decided ??= now;
      }
    }),
    { numRuns: runs(2_000) },
  );
});
