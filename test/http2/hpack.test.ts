import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { latin1 } from '../../src/http2/byte-pipe.js';
import { ConnectionError, ErrorCode } from '../../src/http2/error-code.js';
import type { HeaderList } from '../../src/http2/header-list.js';
import { HpackDecoder } from '../../src/http2/hpack-decoder.js';
import { HpackEncoder, type Indexing, maxBeginBytes, maxFieldBytes } from '../../src/http2/hpack-encoder.js';
import { Loop } from './loop.js';

const loop = new Loop();
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));

function pairs(list: HeaderList): [string, string][] {
  const { method, scheme, path, authority, status } = list;
  const pseudo = Object.entries({ ':method': method, ':scheme': scheme, ':path': path, ':authority': authority });
  return [
    ...(status === 0 ? [] : [[':status', String(status)] as [string, string]]),
    ...pseudo.filter((pair): pair is [string, string] => pair[1] !== undefined),
    ...list.fields.map(({ name, value }): [string, string] => [name, value]),
  ];
}

describe('header blocks of RFC 7541, appendix C, are read as it says', () => {
  const request = [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
    [':authority', 'www.example.com'],
  ];
  const third = [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':path', '/index.html'],
    [':authority', 'www.example.com'],
    ['custom-key', 'custom-value'],
  ];
  it.each([
    [
      'C.3: requests without Huffman',
      [
        '828684410f7777772e6578616d706c652e636f6d',
        '828684be58086e6f2d6361636865',
        '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
      ],
    ],
    [
      'C.4: requests with Huffman',
      [
        '828684418cf1e3c2e5f23a6ba0ab90f4ff',
        '828684be5886a8eb10649cbf',
        '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
      ],
    ],
  ])('%s', (_name, blocks) => {
    const decoder = new HpackDecoder(loop, 4_096, 65_536);
    const lists = blocks.map((block) => decoder.decode(hex(block), 0, hex(block).length));
    expect(lists.map(pairs)).toEqual([request, [...request, ['cache-control', 'no-cache']], third]);
    expect(lists.map(({ size }) => size)).toEqual([180, 233, 245]);
  });

  const date = 'Mon, 21 Oct 2013 20:13:21 GMT';
  const response = [
    [':status', '302'],
    ['cache-control', 'private'],
    ['date', date],
    ['location', 'https://www.example.com'],
  ];
  const last = [
    [':status', '200'],
    ['cache-control', 'private'],
    ['date', 'Mon, 21 Oct 2013 20:13:22 GMT'],
    ['location', 'https://www.example.com'],
    ['content-encoding', 'gzip'],
    ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
  ];
  it.each([
    [
      'C.5: responses without Huffman, with evictions',
      [
        '4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d',
        '4803333037c1c0bf',
        '88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31',
      ],
    ],
    [
      'C.6: responses with Huffman, with evictions',
      [
        '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3',
        '4883640effc1c0bf',
        '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
      ],
    ],
  ])('%s', (_name, blocks) => {
    const decoder = new HpackDecoder(loop, 256, 65_536);
    const lists = blocks.map((block) => decoder.decode(hex(block), 0, hex(block).length));
    expect(lists.map(pairs)).toEqual([response, [[':status', '307'], ...response.slice(1)], last]);
  });
});

function coded(encoder: HpackEncoder, fields: readonly (readonly [string, string])[]): Uint8Array {
  const room = fields.reduce((sum, [name, value]) => sum + maxFieldBytes(name, value), maxBeginBytes);
  const bytes = new Uint8Array(room);
  let at = encoder.begin(bytes, 0);
  for (const [name, value] of fields) at = encoder.field(bytes, at, name, value);
  return bytes.subarray(0, at);
}

describe('what the encoder writes', () => {
  const name = fc.oneof(
    fc.constantFrom(
      'te',
      'x-a',
      'x-b',
      'grpc-timeout',
      'authorization',
      'content-type',
      'x-very-long-name-of-a-header',
    ),
    fc.stringMatching(/^[a-z0-9-]{1,20}$/).filter((text) => text !== 'content-length'),
  );
  const value = fc.oneof(
    fc.constantFrom('', 'trailers', 'application/grpc', '1', 'a'.repeat(3_000)),
    fc.string({
      unit: fc
        .integer({ min: 0x21, max: 0xff })
        .filter((c) => c !== 0x7f)
        .map((c) => String.fromCharCode(c)),
      maxLength: 40,
    }),
  );
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.array(fc.tuple(name, value), { maxLength: 12 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 8_192 }) },
  );

  it('is read back as it was, whatever came before and however the table shrinks and grows', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const indexing: [string, Indexing][] = [
          ['grpc-timeout', 'literal'],
          ['authorization', 'never'],
        ];
        const encoder = new HpackEncoder(new Map(indexing));
        const decoder = new HpackDecoder(loop, 8_192, 1 << 20);
        // The decoder's table may be larger than what the encoder uses, never smaller.
        encoder.setPeerTableSize(8_192);
        for (const one of steps) {
          if (typeof one === 'number') {
            encoder.setPeerTableSize(one);
            continue;
          }
          const block = coded(encoder, one);
          expect(decoder.decode(block, 0, block.length).fields.map((field) => [field.name, field.value])).toEqual(one);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('takes one byte for a field that comes again, and pushes nothing out for values that always differ', () => {
    const encoder = new HpackEncoder(new Map([['x-correlation-id', 'literal']]));
    const fields = (i: number): [string, string][] => [
      [':path', '/market.v1.TradeHistory/GetLastSale'],
      ['x-correlation-id', `id-${i}`],
    ];
    coded(encoder, fields(0));
    for (let i = 1; i < 1_000; i++) expect(coded(encoder, fields(i)).length).toBe(1 + 2 + 1 + `id-${i}`.length);
  });

  it('takes one byte for each of several values of a name that take turns', () => {
    const encoder = new HpackEncoder(new Map());
    const paths = [
      '/market.v1.TradeHistory/GetLastSale',
      '/market.v1.TradeHistory/RecordSale',
      '/market.v1.Quotes/Prices',
    ];
    for (const path of paths) coded(encoder, [[':path', path]]);
    for (let i = 0; i < 100; i++) expect(coded(encoder, [[':path', paths[i % 3] as string]])).toHaveLength(1);
  });

  it('learns that the values of a name differ each time', () => {
    const encoder = new HpackEncoder(new Map());
    for (let i = 0; i < 50; i++)
      coded(encoder, [
        ['x-request', `value ${i}`],
        ['x-tenant', 'fish'],
      ]);
    // Were they still put into the table, the other one would have been pushed out or moved behind 127 others.
    expect(
      coded(encoder, [
        ['x-request', 'value 50'],
        ['x-tenant', 'fish'],
      ]).length,
    ).toBe(2 + 1 + 1 + 'value 50'.length);
  });

  it('marks a secret so that no proxy puts it into a table', () => {
    const encoder = new HpackEncoder(new Map([['authorization', 'never']]));
    const block = coded(encoder, [['authorization', 'Bearer x']]);
    expect((block[0] as number) & 0xf0).toBe(0x10);
  });
});

describe('a hostile header block', () => {
  const decoder = (maxListSize = 65_536): HpackDecoder => new HpackDecoder(loop, 4_096, maxListSize);
  const fault = (block: Uint8Array): number => {
    try {
      decoder().decode(block, 0, block.length);
    } catch (error) {
      if (error instanceof ConnectionError) return error.code;
      throw error;
    }
    return -1;
  };

  it.each([
    ['index 0', '80'],
    ['an index that there is not', 'be'],
    ['an index beyond 28 bits', 'ffffffffff0f'],
    ['an integer that ends within', 'ff'],
    ['a string that is longer than the block', '400a6162'],
    ['no value', '4001'.concat('61')],
    ['Huffman padding of eight bits', '408441ffffff00'],
    ['the end-of-string symbol', '4084fffffffc00'],
    ['a table larger than announced', '3fe21f'.replace('e21f', 'e27f')],
    ['a size update behind a field', '8220'],
  ])('costs the connection: %s', (_name, block) => {
    expect(fault(hex(block))).toBe(ErrorCode.COMPRESSION_ERROR);
  });

  it('is counted and not kept beyond the limit of a list, and the table stays in step', () => {
    const one = decoder(10_000);
    const big = 'b'.repeat(4_000);
    const literal = Uint8Array.from([0x40, 1, 0x61, 0x7f, 0xa1, 0x1e, ...Buffer.from(big)]);
    one.decode(literal, 0, literal.length);
    // One field of 4 KB, and 15,000 references to it.
    const bomb = new Uint8Array(15_000).fill(0xbe);
    const list = one.decode(bomb, 0, bomb.length);
    expect(list.tooLarge).toBe(true);
    expect(list.fields.length).toBe(2);
    expect(list.size).toBe(15_000 * 4_033);
    expect(one.decode(Uint8Array.of(0xbe), 0, 1).get('a')).toBe(big);
  });

  it('never throws anything but a ConnectionError, and makes no list above the limit', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), (blocks) => {
        const one = decoder(500);
        try {
          for (const block of blocks) {
            const list = one.decode(block, 0, block.length);
            expect(list.fields.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(500);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(ConnectionError);
        }
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('a malformed list', () => {
  it.each([
    ['CR in a value', [['x-a', 'b\rc']]],
    ['LF in a value', [['x-a', 'b\nc: d']]],
    ['NUL in a value', [['x-a', 'b\0']]],
    ['white space around a value', [['x-a', ' b']]],
    ['an upper-case name', [['X-A', 'b']]],
    ['an empty name', [['', 'b']]],
    [
      'a pseudo-header behind a regular one',
      [
        ['x-a', 'b'],
        [':path', '/'],
      ],
    ],
    [
      'a pseudo-header twice',
      [
        [':path', '/'],
        [':path', '/b'],
      ],
    ],
    ['an unknown pseudo-header', [[':route', '/']]],
    ['connection', [['connection', 'close']]],
    ['te: gzip', [['te', 'gzip']]],
    [
      'two content-lengths',
      [
        ['content-length', '1'],
        ['content-length', '2'],
      ],
    ],
    ['a status that is no number', [[':status', 'ok']]],
  ] as [string, [string, string][]][])('is told: %s', (_name, fields) => {
    const block = coded(new HpackEncoder(new Map()), fields);
    expect(new HpackDecoder(loop, 4_096, 65_536).decode(block, 0, block.length).malformed).toBeDefined();
  });

  it('is not what an ordinary one is, and latin1 is read byte for byte', () => {
    const block = coded(new HpackEncoder(new Map()), [['x-a', 'caf\xe9 and more of it, in quite a long value']]);
    const list = new HpackDecoder(loop, 4_096, 65_536).decode(block, 0, block.length);
    expect(list.malformed).toBeUndefined();
    expect(list.get('x-a')).toBe('caf\xe9 and more of it, in quite a long value');
    expect(latin1(Uint8Array.of(0xff, 0x41), 0, 2)).toBe('\xffA');
  });
});
