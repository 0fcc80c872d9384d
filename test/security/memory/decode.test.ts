/** What one message may make of itself in memory: never more than its budget, whatever it announces. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { createClient, createServer, type ServiceType, setDecodeLimits, silentLogger } from 'hawser';
import { dynamicStruct, type StructCodec, writeMessage } from 'hawser/thrift';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { refusals } from '../../../src/call/refusals.js';
import { generate } from '../../../src/codegen/generate.js';
import { decodedBytes } from '../../../src/contract/decode-budget.js';
import { fromSource } from '../../support/program.js';
import { scratchFolder } from '../../support/scratch.js';
import { rejection } from '../../support/scripted.js';
import { runs } from '../../support/soak.js';

type Fields = Record<string, unknown>;
const scratch = scratchFolder('hoard');
const ofProto = scratchFolder('proto-hoard');
let generated: Record<string, StructCodec<Fields>>;
let Hoard: ServiceType;

beforeAll(async () => {
  await generate({ proto: [], thrift: [import.meta.dirname], include: [], out: scratch.path });
  await generate({ proto: [import.meta.dirname], thrift: [], include: [], out: ofProto.path });
  generated = (await import(pathToFileURL(join(scratch.path, 'hoard.ts')).href)) as never;
  Hoard = (generated as unknown as { Hoard: ServiceType }).Hoard;
});
afterAll(() => {
  scratch.remove();
  ofProto.remove();
});
afterEach(() => setDecodeLimits());

const i32 = (n: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(n);
  return bytes;
};
/** Binary: a Bag whose field 7 lists `count` empty structs of one byte each. */
const bagOf = (count: number): Buffer =>
  Buffer.concat([Buffer.from([15, 0, 7, 12]), i32(count), Buffer.alloc(count), Buffer.from([0])]);
/** The arguments of a call, around a Bag. */
const argsOf = (bag: Buffer): Buffer => Buffer.concat([Buffer.from([12, 0, 1]), bag, Buffer.from([0])]);
const frameOf = (message: Buffer): Buffer => Buffer.concat([i32(message.length), message]);
const budget = { name: 'DecodeBudgetError', retryable: false, message: expect.stringContaining('messageBytes') };

describe('a message that is small on the wire and large in memory', () => {
  it('is refused when it lists a million empty structs, by generated code and by a description', () => {
    const Bag = generated.Bag as StructCodec<Fields>;
    const described = dynamicStruct('hoard.Bag', 'struct', Bag.fields);
    for (const codec of [Bag, described]) {
      expect(() => codec.decode(bagOf(1_000_000), 'binary')).toThrow(expect.objectContaining(budget));
      expect(codec.decode(bagOf(1_000), 'binary')).toMatchObject({ nothings: { length: 1_000 } });
    }
  });

  it.each([
    ['empty maps', 19, 13, [13, 13, 0, 0, 0, 0]],
    ['empty sets', 18, 14, [8, 0, 0, 0, 0]],
    ['lists of one', 8, 15, [8, 0, 0, 0, 1, 0, 0, 0, 0]],
    ['views of nothing', 14, 11, [0, 0, 0, 0]],
    ['texts of three bytes', 17, 11, [0, 0, 0, 3, 97, 98, 99]],
    ['unions', 11, 12, [8, 0, 1, 0, 0, 0, 0, 0]],
    ['exceptions', 12, 12, [0]],
  ])('is refused when it lists too many %s', (_, field, type, element) => {
    const bytes = type === 13 ? [8, 2, 0, 0, 0, 0] : element;
    const many = Buffer.alloc(bytes.length * 900_000, Buffer.from(bytes));
    const bag = Buffer.concat([Buffer.from([15, 0, field, type]), i32(900_000), many, Buffer.from([0])]);
    setDecodeLimits({ messageBytes: 16_000_000 });
    expect(() => generated.Bag?.decode(bag, 'binary')).toThrow(expect.objectContaining(budget));
  });

  it.each(['binary', 'compact'] as const)(
    'does not include a page of 10,000 wide sparse records, in %s',
    (encoding) => {
      const Page = generated.Page as StructCodec<Fields>;
      const row = (n: number) => ({ a: n, c: `row ${n}`, d: BigInt(n), n: 'halibut', s: ['one', 'two'], p: n / 2 });
      const page = { rows: Array.from({ length: 10_000 }, (_, n) => row(n)) };
      expect(Page.decode(Page.encode(page, encoding), encoding)).toMatchObject({ rows: { length: 10_000 } });
    },
  );

  it('ends its own call only, with RESOURCE_EXHAUSTED, and is counted', async () => {
    const server = createServer({ logger: silentLogger });
    const sizes: number[] = [];
    server.add(Hoard, {
      count: ({ bag }: { bag: { nothings?: unknown[] } }) => {
        sizes.push(decodedBytes());
        return bag.nothings?.length ?? 0;
      },
      read: () => 0,
    } as never);
    const { thrift } = await server.listen({ thrift: '127.0.0.1:0' });
    setDecodeLimits({ messageBytes: 100_000 });
    for (const wire of ['header', 'binary', 'compact']) {
      const client = createClient(Hoard, `thrift://${thrift}?wire=${wire}`, { retry: false }) as unknown as {
        count(request: object): Promise<number>;
        $close(): Promise<void>;
      };
      const before = refusals('MESSAGE_TOO_COSTLY');
      const nothings = (count: number) => ({ bag: { nothings: Array.from({ length: count }, () => ({})) } });
      expect(await rejection(client.count(nothings(10_000)))).toMatchObject({
        code: 'RESOURCE_EXHAUSTED',
        reason: 'MESSAGE_TOO_COSTLY',
        disposition: 'not-executed',
      });
      expect(refusals('MESSAGE_TOO_COSTLY')).toBe(before + 1);
      expect(await client.count(nothings(100))).toBe(100);
      // Held while the handler runs, given back when the call is over.
      expect(sizes.pop()).toBeGreaterThan(5_000);
      expect(decodedBytes()).toBe(0);
      await client.$close();
    }
    await server.close({ grace: 0 });
  });

  it('finds the budget of the process taken by those that are under way, and small messages pass', async () => {
    const server = createServer({ logger: silentLogger });
    let go: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    server.add(Hoard, {
      count: async ({ bag }: { bag: { nothings: unknown[] } }) => {
        if (bag.nothings.length > 500) await held;
        return bag.nothings.length;
      },
      read: () => 0,
    } as never);
    const { thrift } = await server.listen({ thrift: '127.0.0.1:0' });
    setDecodeLimits({ processBytes: 200_000 });
    const client = createClient(Hoard, `thrift://${thrift}`, { retry: false }) as unknown as {
      count(request: object): Promise<number>;
      $close(): Promise<void>;
    };
    const nothings = (count: number) => ({ bag: { nothings: Array.from({ length: count }, () => ({})) } });
    const first = client.count(nothings(2_000));
    expect(await rejection(client.count(nothings(2_000)))).toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'DECODE_MEMORY_FULL',
      disposition: 'not-executed',
    });
    expect(await client.count(nothings(100))).toBe(100);
    go();
    expect(await first).toBe(2_000);
    expect(await client.count(nothings(1_000))).toBe(1_000);
    await client.$close();
    await server.close({ grace: 0 });
  });
});

/** Ten times that in the soak. */
const messages = runs(1_000);

describe('the charge', () => {
  it.each(['binary', 'compact', 'header', 'proto'])(
    `is at least 0.8 of what the heap gains, over ${messages} hostile messages in %s`,
    async (wire) => {
      const seed = process.env.HAWSER_SEED ?? String(Date.now());
      const program = (name: string): string => join(import.meta.dirname, name);
      const args =
        wire === 'proto'
          ? [program('proto-fuzz.ts'), String(messages), seed, ofProto.path]
          : [program('fuzz.ts'), wire, String(messages), seed, scratch.path];
      const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', ...fromSource, ...args]);
      const result = JSON.parse(stdout) as { messages: number; charged: number; gained: number };
      expect(result.messages).toBeGreaterThan(messages / 2);
      expect(result.charged / result.gained, `HAWSER_SEED=${seed}: ${stdout}`).toBeGreaterThanOrEqual(0.8);
    },
    3_600_000,
  );
});

/** An eighth of a server of 512 MB and of its attack; all of it in the soak. */
const attack =
  process.env.HAWSER_SOAK !== undefined
    ? { heap: 512, messageBytes: 67_108_864, over: 1_000_000, below: 900_000 }
    : { heap: 64, messageBytes: 8_388_608, over: 125_000, below: 112_500 };

describe('a small server', () => {
  let child: ChildProcess;
  let address: string;
  beforeAll(async () => {
    const args = [join(import.meta.dirname, 'server.ts'), scratch.path, String(attack.messageBytes)];
    child = spawn(process.execPath, [`--max-old-space-size=${attack.heap}`, ...fromSource, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    [address] = (await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line')) as [string];
  }, 60_000);
  afterAll(() => child.kill());

  it('outlives 64 hostile messages at once, and answers another caller meanwhile', async () => {
    const client = createClient(Hoard, `thrift://${address}`, { retry: false }) as unknown as {
      count(request: object, options: object): Promise<number>;
      $close(): Promise<void>;
    };
    const port = Number(address.split(':').at(-1));
    // Most of them over the budget of a message, a quarter just below, which the budget of the process is for.
    const hostile = async (n: number): Promise<number | undefined> => {
      const args = argsOf(bagOf(n % 4 === 0 ? attack.below : attack.over));
      const socket = connect(port, '127.0.0.1');
      socket.write(frameOf(writeMessage('binary', 'Count', 1, 1, args)));
      const [answer] = (await once(socket, 'data')) as [Buffer];
      socket.destroy();
      return answer[7];
    };
    const answers = Array.from({ length: 64 }, (_, n) => hostile(n));
    for (let n = 0; n < 5; n++) expect(await client.count({ bag: {} }, { timeout: '2m' })).toBe(0);
    const types = await Promise.all(answers);
    // What is over the budget of a message is an EXCEPTION; what is below is that or a REPLY, as memory was free.
    for (const [n, type] of types.entries()) expect(n % 4 === 0 ? [2, 3] : [3]).toContain(type);
    expect(child.exitCode).toBeNull();
    // Nothing stays charged: the largest message that is allowed passes now.
    expect(await hostile(0)).toBe(2);
    await client.$close();
  }, 180_000);
});
