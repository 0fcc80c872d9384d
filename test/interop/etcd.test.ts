/**
 * A server that nobody here wrote: stubs from etcd's own IDL drive a real etcd over all kinds of calls.
 * docs/etcd.md shows users how it is done.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { generate } from '../../src/codegen/generate.js';
import { type CallOptions, createClient, RpcError, type ServiceType } from '../../src/index.js';
import { corpus, describeWith, hasTool } from '../requires.js';
import { freePort } from '../support/free-port.js';
import { scratchFolder } from '../support/scratch.js';

const updates = 10_000;
const utf8 = (text: string): Uint8Array => Buffer.from(text);
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

describeWith(
  'etcd (Debian: etcd-server) and HAWSER_CORPUS',
  hasTool('etcd') && corpus !== undefined,
  'stubs generated from the IDL of etcd, against a real etcd',
  () => {
    const scratch = scratchFolder('etcd');
    const data = mkdtempSync(join(tmpdir(), 'hawser-etcd-'));
    let etcd: ChildProcess;
    // The stubs do not exist when this file is checked, so they have no types here; the corpus test type-checks them.
    let stubs: Record<string, ServiceType>;
    let messages: Record<string, { create(init: object): unknown }>;
    let kv: LooseClient;
    let watch: LooseClient;
    let lease: LooseClient;

    const make = (name: string, init: object) => messages[name]!.create(init);

    beforeAll(async () => {
      const root = join(corpus!, 'proto/etcd-3.4');
      const result = await generate({ proto: [root], thrift: [], include: [], out: scratch.path });
      expect(result.diagnostics.filter((one) => one.severity === 'error')).toEqual([]);
      const folder = join(scratch.path, 'etcd/etcdserver/etcdserverpb');
      stubs = await import(join(folder, 'rpc.rpc.ts'));
      messages = await import(join(folder, 'rpc.ts'));

      const [client, peer] = [await freePort(), await freePort()];
      etcd = spawn(
        'etcd',
        [
          ...['--data-dir', data, '--name', 'hawser', '--log-level', 'error'],
          ...[
            '--listen-client-urls',
            `http://127.0.0.1:${client}`,
            '--advertise-client-urls',
            `http://127.0.0.1:${client}`,
          ],
          ...[
            '--listen-peer-urls',
            `http://127.0.0.1:${peer}`,
            '--initial-advertise-peer-urls',
            `http://127.0.0.1:${peer}`,
          ],
          ...['--initial-cluster', `hawser=http://127.0.0.1:${peer}`],
        ],
        { stdio: 'ignore' },
      );
      const address = `grpc://127.0.0.1:${client}`;
      kv = createClient(stubs.KV!, address) as unknown as LooseClient;
      watch = createClient(stubs.Watch!, address) as unknown as LooseClient;
      lease = createClient(stubs.Lease!, address) as unknown as LooseClient;
      await untilUp();
    }, 60_000);

    afterAll(async () => {
      await Promise.all([kv, watch, lease].map((client) => client?.$close()));
      etcd?.kill('SIGKILL');
      rmSync(data, { recursive: true, force: true });
      scratch.remove();
    });

    async function untilUp(): Promise<void> {
      for (let left = 250; ; left--) {
        try {
          await kv.range!(make('RangeRequest', { key: utf8('up?') }), { timeout: '1s' });
          return;
        } catch (error) {
          if (left === 0) throw error;
          await new Promise((resolve) => setTimeout(resolve, 200));
        }
      }
    }

    const put = (key: string, value: string, more: object = {}) =>
      kv.put!(make('PutRequest', { key: utf8(key), value: utf8(value), ...more }));

    it('puts a value and reads it back with the version that etcd gave it', async () => {
      await put('boat/1', 'trawler');
      const reply = (await kv.range!(make('RangeRequest', { key: utf8('boat/1') }))) as RangeReply;
      expect(reply.count).toBe(1n);
      expect(text(reply.kvs[0]!.value)).toBe('trawler');
      expect(reply.kvs[0]!.version).toBe(1n);
    });

    it('reads a range in order', async () => {
      for (const name of ['c', 'a', 'b']) await put(`fish/${name}`, name);
      const reply = (await kv.range!(
        make('RangeRequest', { key: utf8('fish/'), rangeEnd: utf8('fish0') }),
      )) as RangeReply;
      expect(reply.kvs.map((one) => text(one.key))).toEqual(['fish/a', 'fish/b', 'fish/c']);
    });

    it('swaps in a transaction only when the comparison holds', async () => {
      await put('owner', 'ada');
      const swap = (from: string, to: string) =>
        kv.txn!(
          make('TxnRequest', {
            compare: [{ result: 0, target: 3, key: utf8('owner'), targetUnion: { $case: 'value', value: utf8(from) } }],
            success: [{ request: { $case: 'requestPut', value: { key: utf8('owner'), value: utf8(to) } } }],
            failure: [{ request: { $case: 'requestRange', value: { key: utf8('owner') } } }],
          }),
        ) as Promise<TxnReply>;
      expect((await swap('ada', 'bob')).succeeded).toBe(true);
      const refused = await swap('ada', 'eve');
      expect(refused.succeeded).toBe(false);
      const response = refused.responses[0]!.response!;
      expect(response.$case).toBe('responseRange');
      expect(text(response.value.kvs[0]!.value)).toBe('bob');
    });

    it('keeps a lease alive over a bidi stream, and loses its key when the lease is revoked', async () => {
      const granted = (await lease.leaseGrant!(make('LeaseGrantRequest', { TTL: 30n }))) as { ID: bigint };
      await put('leased', 'x', { lease: granted.ID });
      const beats = (async function* () {
        for (let i = 0; i < 3; i++) yield make('LeaseKeepAliveRequest', { ID: granted.ID });
      })();
      const ttls: bigint[] = [];
      for await (const beat of lease.leaseKeepAlive!(beats) as AsyncIterable<{ ID: bigint; TTL: bigint }>) {
        expect(beat.ID).toBe(granted.ID);
        ttls.push(beat.TTL);
      }
      expect(ttls).toEqual([30n, 30n, 30n]);
      await lease.leaseRevoke!(make('LeaseRevokeRequest', { ID: granted.ID }));
      const gone = (await kv.range!(make('RangeRequest', { key: utf8('leased') }))) as RangeReply;
      expect(gone.count).toBe(0n);
    });

    it(`watches ${updates} updates over a bidi stream with nothing lost or out of order`, async () => {
      let open!: () => void;
      const hold = new Promise<void>((resolve) => {
        open = resolve;
      });
      const requests = (async function* () {
        yield make('WatchRequest', {
          requestUnion: { $case: 'createRequest', value: { key: utf8('tick/'), rangeEnd: utf8('tick0') } },
        });
        await hold; // etcd ends a watch when the client half-closes
      })();
      const stream = watch.watch!(requests) as AsyncIterable<WatchReply>;
      let writing: Promise<void> | undefined;
      const seen: WatchReply['events'][number][] = [];
      for await (const reply of stream) {
        if (reply.created) writing = write();
        seen.push(...reply.events);
        if (seen.length >= updates) break;
      }
      open();
      await writing;
      expect(seen).toHaveLength(updates);
      expect(new Set(seen.map((event) => text(event.kv!.key))).size).toBe(updates);
      for (let i = 1; i < updates; i++) {
        expect(seen[i]!.kv!.modRevision > seen[i - 1]!.kv!.modRevision).toBe(true);
      }

      async function write(): Promise<void> {
        let next = 0;
        const writer = async (): Promise<void> => {
          while (next < updates) await put(`tick/${next++}`, 'x');
        };
        await Promise.all(Array.from({ length: 64 }, writer));
      }
    }, 120_000);

    it('brings an error of etcd with its code and message', async () => {
      const error = await (kv.put!(make('PutRequest', { key: utf8('') })) as Promise<unknown>).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(RpcError);
      expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', message: 'etcdserver: key is not provided' });
    });
  },
);

type LooseClient = { readonly $close: () => Promise<void> } & Readonly<
  Record<string, (request: unknown, options?: CallOptions) => unknown>
>;

interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly version: bigint;
  readonly modRevision: bigint;
}
interface RangeReply {
  readonly count: bigint;
  readonly kvs: readonly KeyValue[];
}
interface TxnReply {
  readonly succeeded: boolean;
  readonly responses: readonly { readonly response?: { readonly $case: string; readonly value: RangeReply } }[];
}
interface WatchReply {
  readonly created: boolean;
  readonly events: readonly { readonly kv?: KeyValue }[];
}
