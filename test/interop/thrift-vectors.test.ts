/**
 * Our bytes are Apache's. The vectors were made by Apache Thrift for Python, by its pure and its C codec alike;
 * where that is installed it makes them again and reads ours.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readMessageHeader, writeMessage } from 'hawser/thrift';
import { afterAll, describe, expect, it } from 'vitest';
import { describeWith, hasTool } from '../requires.js';
import { scratchFolder } from '../support/scratch.js';
import { Everything } from './thrift-vectors/everything.js';

interface Vector {
  readonly name: string;
  readonly value?: Record<string, unknown>;
  readonly message?: { readonly name: string; readonly type: number; readonly seqid: number };
  readonly binary: string;
  readonly compact: string;
}

const folder = join(import.meta.dirname, 'thrift-vectors');
const vectors = JSON.parse(readFileSync(join(folder, 'vectors.json'), 'utf8')) as readonly Vector[];
const encodings = ['binary', 'compact'] as const;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

for (const encoding of encodings) {
  describe(`the vectors in ${encoding}`, () => {
    for (const vector of vectors) {
      const { name, value, message } = vector;
      const bytes = Buffer.from(vector[encoding], 'hex');
      if (value !== undefined) {
        it(`${name} is written and read as Apache does`, () => {
          const ours = Everything.fromJSON(value);
          expect(hex(Everything.encode(ours, encoding))).toBe(vector[encoding]);
          expect(Everything.decode(bytes, encoding)).toEqual(ours);
        });
      }
      if (message !== undefined) {
        it(`${name} is written and read as Apache does`, () => {
          const body = Buffer.from([0]);
          const ours = writeMessage(encoding, message.name, message.type, message.seqid, body);
          expect(hex(ours)).toBe(`${vector[encoding]}00`);
          expect(readMessageHeader(ours, encoding)).toEqual({ ...message, bodyOffset: bytes.length });
        });
      }
    }
  });
}

describe('the vectors', () => {
  it('keep the sign of -0, which toEqual alone would tell from 0 too', () => {
    const decoded = Everything.decode(Buffer.from('0400068000000000000000' + '00', 'hex'), 'binary');
    expect(Object.is(decoded.real, -0)).toBe(true);
  });

  it('write a uuid as its 16 bytes, type 16 in binary and 13 in compact', async () => {
    const { dynamicStruct } = await import('hawser/thrift');
    const codec = dynamicStruct('t.U', 'struct', [
      { id: 1, name: 'u', localName: 'u', type: { kind: 'uuid' }, requiredness: 'optional' },
      {
        id: 2,
        name: 'l',
        localName: 'l',
        type: { kind: 'list', element: { kind: 'uuid' } },
        requiredness: 'optional',
      },
    ]);
    const u = '00112233-4455-6677-8899-aabbccddeeff';
    const raw = u.replaceAll('-', '');
    const value = { u, l: [u] };
    expect(hex(codec.encode(value, 'binary'))).toBe(`100001${raw}0f00021000000001${raw}00`);
    expect(hex(codec.encode(value, 'compact'))).toBe(`1d${raw}191d${raw}00`);
    for (const encoding of encodings) expect(codec.decode(codec.encode(value, encoding), encoding)).toEqual(value);
    expect(codec.decode(codec.encode({ u: u.toUpperCase() }, 'binary'), 'binary')).toEqual({ u });
  });
});

const python = '/usr/bin/python3';
const tools = hasTool('thrift', ['-version']) && hasTool(python, ['-c', 'from thrift.protocol import fastbinary']);

describeWith('the thrift compiler and python3-thrift with fastbinary', tools, 'Apache Thrift for Python', () => {
  const { path: scratch, remove } = scratchFolder('thrift-vectors');
  afterAll(remove);

  const run = (cases: readonly unknown[]): Vector[] => {
    const generated = spawnSync('thrift', ['--gen', 'py', '-out', scratch, join(folder, 'everything.thrift')], {
      timeout: 20_000,
    });
    expect(generated.status).toBe(0);
    const encoded = spawnSync(python, [join(folder, 'encode.py'), scratch], {
      input: JSON.stringify(cases),
      encoding: 'utf8',
      timeout: 20_000,
    });
    expect(encoded.stderr).toBe('');
    return JSON.parse(encoded.stdout) as Vector[];
  };

  it('still makes the vectors that are kept here', () => {
    expect(run(vectors.map(({ binary, compact, ...rest }) => rest))).toEqual(vectors);
  });

  it('reads what we write, and writes the same again', () => {
    const values = vectors.filter(({ value }) => value !== undefined);
    const ours = values.map(({ name, value }) => {
      const decoded = Everything.fromJSON(value);
      return {
        name,
        binary: hex(Everything.encode(decoded, 'binary')),
        compact: hex(Everything.encode(decoded, 'compact')),
      };
    });
    expect(run(ours)).toEqual(ours);
  });
});
