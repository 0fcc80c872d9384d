/**
 * Apache's cross-language test, ThriftTest.thrift: our server and our client against each other, and each against
 * Apache Thrift for Python, over every wire that both know. Nothing generated from the IDL is kept.
 */
import { execFile, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createClient, createServer, type Server } from 'hawser';
import type { StructCodec } from 'hawser/thrift';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '../../src/call/logger.js';
import { generate } from '../../src/codegen/generate.js';
import type { ThriftClientOptions } from '../../src/transports/thrift/client.js';
import { corpus, describeWith, hasTool } from '../requires.js';
import { scratchFolder } from '../support/scratch.js';
import { type Caller, callEverything, type Stubs } from './thrift-test-calls.js';
import { type Fields, secondService, thriftTest } from './thrift-test-service.js';
import { loopsIdl, newer, recursive, structs } from './thrift-test-structs.js';

const python = '/usr/bin/python3';
const scripts = join(import.meta.dirname, 'python');
const run = promisify(execFile);
const hasPython = hasTool('thrift', ['--version']) && hasTool(python, ['-c', 'import thrift']);
const idl = join(corpus ?? '', 'thrift/apache-thrift-test-0.17/test/ThriftTest.thrift');

let stubs: Stubs;
let loops: Record<string, StructCodec<Fields>>;
let scratch: ReturnType<typeof scratchFolder>;
let server: Server;
let address: string;
const oneways: number[] = [];

function caller(service: 'ThriftTest' | 'SecondService', target: string, thrift: ThriftClientOptions = {}): Caller {
  const client = createClient(stubs[service], target, { thrift });
  onTestFinished(() => client.$close());
  return client as unknown as Caller;
}

const reader = {
  env: { ...process.env, PYTHONPATH: scripts, PYTHONDONTWRITEBYTECODE: '1' },
  timeout: 60_000,
  maxBuffer: 2 ** 24,
};

/** Starts a Python server; resolves to its address. */
async function pythonServer(...args: string[]): Promise<string> {
  const child = spawn(python, [join(scripts, 'thrift_test_server.py'), scratch.path, ...args], {
    env: reader.env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const port = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(String(chunk).trim()));
    child.once('exit', (code) => reject(new Error(`thrift_test_server.py ended with ${code}`)));
  });
  return `thrift://127.0.0.1:${port}`;
}

describeWith('the corpus (HAWSER_CORPUS)', corpus !== undefined, "Apache's ThriftTest.thrift", () => {
  beforeAll(async () => {
    scratch = scratchFolder('thrift-test');
    const loopsPath = join(scratch.path, 'loops.thrift');
    writeFileSync(loopsPath, loopsIdl);
    const idls = [idl, loopsPath];
    const { diagnostics } = await generate({ proto: [], thrift: idls, include: [], out: join(scratch.path, 'ts') });
    expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
    stubs = (await import(/* @vite-ignore */ join(scratch.path, 'ts/ThriftTest.ts'))) as Stubs;
    loops = (await import(/* @vite-ignore */ join(scratch.path, 'ts/loops.ts'))) as typeof loops;
    server = createServer({ logger: silentLogger, thrift: { zlib: true } });
    server.add(stubs.ThriftTest, thriftTest(stubs, oneways)).add(stubs.SecondService, secondService());
    const { thrift } = await server.listen({ thrift: '127.0.0.1:0' });
    address = `thrift://${thrift}`;
    if (!hasPython) return;
    for (const one of idls) await run('thrift', ['--gen', 'py', '-out', scratch.path, one], { timeout: 20_000 });
  });

  afterAll(async () => {
    await server?.close({ grace: 0 });
    scratch?.remove();
  });

  describe('our client calls our server', () => {
    it.each([
      'wire=binary',
      'wire=compact',
      'wire=header',
      'wire=header&zlib=1',
      'wire=binary&framing=unframed',
      'wire=compact&framing=unframed',
      'wire=binary&service=ThriftTest',
      'wire=compact&framing=unframed&service=ThriftTest',
      'wire=header&service=ThriftTest',
    ])('over %s', async (query) => {
      const client = caller('ThriftTest', `${address}?${query}`, { maxConnections: 1 });
      // Our own errors carry their code over every wire.
      await callEverything(stubs, client, 'INTERNAL');
      const seen = oneways.length;
      for (const secondsToSleep of [1, -1]) await client.testOneway!({ secondsToSleep });
      expect(await client.testString!({ thing: 'in step' })).toBe('in step');
      expect(oneways.slice(seen)).toEqual([1, -1]);
      const second = caller(
        'SecondService',
        `${address}?${query.replace('service=ThriftTest', 'service=SecondService')}`,
      );
      expect(await second.secondtestString!({ thing: 'foobar' })).toBe('testString("foobar")');
    });
  });

  describe('its structs', () => {
    it.each(['binary', 'compact'] as const)(
      'are understood by older and newer versions of themselves, in %s',
      (wire) => {
        const {
          VersioningTestV1: v1,
          VersioningTestV2: v2,
          ListTypeVersioningV1: list1,
          ListTypeVersioningV2: list2,
        } = stubs;
        const fields = { beginInBoth: 1, endInBoth: 12 };
        const old = v1!.create({ ...fields, oldString: 'old' });
        const now = newer(stubs);
        expect(v1!.decode(v2!.encode(now, wire), wire)).toEqual(v1!.create(fields));
        // Field 3 was a string and is now a number: it is skipped.
        expect(v2!.decode(v1!.encode(old, wire), wire)).toEqual(v2!.create(fields));
        const ints = list1!.create({ myints: [1, 2, 3], hello: 'there' });
        expect(list2!.decode(list1!.encode(ints, wire), wire)).toEqual(list2!.create({ hello: 'there' }));
      },
    );
  });

  describe('structs that hold themselves', () => {
    it.each(['binary', 'compact'] as const)('come back as they were, in %s', (wire) => {
      for (const [name, value] of recursive()) {
        const codec = loops[name]!;
        expect(codec.decode(codec.encode(value, wire), wire)).toEqual(codec.create(value));
      }
    });
  });

  describeWith('the thrift compiler and python3-thrift', hasPython, 'Apache Thrift for Python', () => {
    const wires = ['binary', 'accel', 'compact', 'accelc', 'header', 'header-compact', 'header-zlib'];
    it.each(
      wires.flatMap((wire) => [
        [wire, 'framed'],
        [wire, 'buffered'],
        [wire, wire.startsWith('header') ? 'buffered' : 'framed', 'multiplexed'],
      ]),
    )(
      'gets the right answers from our server over %s',
      async (...args) => {
        const seen = oneways.length;
        const script = [join(scripts, 'thrift_test_client.py'), scratch.path, address.split(':').at(-1) as string];
        const { stdout } = await run(python, [...script, ...args], reader);
        const { compared, wrong } = JSON.parse(stdout) as { compared: Fields; wrong: string[] };
        expect(wrong).toEqual([]);
        const methods = [stubs.ThriftTest, stubs.SecondService].flatMap((service) => Object.keys(service.methods));
        expect(Object.keys(compared).sort()).toEqual(methods.sort());
        expect(oneways.slice(seen)).toEqual([1, -1]);
      },
      60_000,
    );

    it.each([
      ['wire=binary', 'binary', 'framed', 'TSimpleServer'],
      ['wire=binary', 'accel', 'framed', 'TThreadedServer'],
      ['wire=binary', 'accel', 'framed', 'TNonblockingServer'],
      ['wire=compact', 'compact', 'framed', 'TThreadPoolServer'],
      ['wire=compact', 'accelc', 'framed', 'TThreadedServer'],
      ['wire=binary&framing=unframed', 'binary', 'buffered', 'TSimpleServer'],
      ['wire=compact&framing=unframed', 'accelc', 'buffered', 'TThreadedServer'],
      ['wire=header', 'header', 'buffered', 'TThreadedServer'],
      ['wire=header&zlib=1', 'header-zlib', 'buffered', 'TSimpleServer'],
      ['wire=binary', 'header', 'buffered', 'TThreadedServer'],
      ['wire=compact&framing=unframed', 'header', 'buffered', 'TThreadedServer'],
    ])(
      'gives our client the right answers over %s, from %s %s by %s',
      async (query, ...args) => {
        const target = await pythonServer(...args);
        // TSimpleServer looks after one connection at a time; TNonblockingServer loses calls that come before its answer.
        const limits = args.includes('TNonblockingServer') ? { maxInFlight: 1 } : {};
        const client = caller('ThriftTest', `${target}?${query}`, { maxConnections: 1, limits });
        await callEverything(stubs, client, 'UNKNOWN');
        await client.testOneway!({ secondsToSleep: 0 });
        expect(await client.testString!({ thing: 'in step' })).toBe('in step');
      },
      60_000,
    );

    it.each([
      ['wire=binary', 'binary', 'framed'],
      ['wire=compact&framing=unframed', 'accelc', 'buffered'],
      ['wire=header', 'header', 'buffered'],
    ])(
      'gives our client two services on one port over %s',
      async (query, wire, framing) => {
        const target = await pythonServer(wire, framing, 'TThreadedServer', 'multiplexed');
        const client = caller('ThriftTest', `${target}?${query}&service=ThriftTest`);
        await callEverything(stubs, client, 'UNKNOWN');
        for (const secondsToSleep of [1, -1]) await client.testOneway!({ secondsToSleep });
        await client.testVoid!();
        const second = caller('SecondService', `${target}?${query}&service=SecondService`);
        expect(await second.secondtestString!({ thing: 'foobar' })).toBe('testString("foobar")');
        const heard = JSON.parse((await second.secondtestString!({ thing: 'oneways' })) as string) as number[];
        expect(heard.sort()).toEqual([-1, 1]);
      },
      60_000,
    );

    it('reads the structs that we write, and writes what we read', async () => {
      const cases = [
        ...structs(stubs).map(([name, value, as = name, expected = value]) => {
          return { codec: stubs[name]!, value, as: `ThriftTest.${as}`, reader: stubs[as]!, expected };
        }),
        ...recursive().map(([name, value]) => {
          return { codec: loops[name]!, value, as: `loops.${name}`, reader: loops[name]!, expected: value };
        }),
      ];
      const items = cases.flatMap((one) =>
        ['binary', 'accel', 'compact', 'accelc'].map((protocol) => {
          const encoding = protocol.includes('c') && protocol !== 'accel' ? ('compact' as const) : ('binary' as const);
          return { ...one, protocol, encoding };
        }),
      );
      const input = items.map(({ codec, value, as, protocol, encoding }) => ({
        as,
        protocol,
        hex: Buffer.from(codec.encode(value, encoding)).toString('hex'),
      }));
      const child = run(python, [join(scripts, 'thrift_test_structs.py'), scratch.path], reader);
      child.child.stdin?.end(JSON.stringify(input));
      const written = JSON.parse((await child).stdout) as string[];
      expect(written).toHaveLength(items.length);
      for (const [i, { as, reader: codec, expected, protocol, encoding }] of items.entries()) {
        const decoded = codec.decode(Buffer.from(written[i] as string, 'hex'), encoding);
        const ours = codec.decode(codec.encode(expected, encoding), encoding);
        expect(decoded, `${as} over ${protocol}`).toEqual(ours);
      }
    }, 60_000);
  });
});
