/**
 * One contract in several minor versions and both IDLs, made of text when a test asks: what a client of one and a server of
 * another say to each other is then what two builds would.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { thriftService } from '../../src/cli/dynamic-thrift.js';
import { parseThrift, readPolicies } from '../../src/codegen/thrift/index.js';
import type { Codec } from '../../src/contract/codec.js';
import { type MethodSpec, unary } from '../../src/contract/method.js';
import type { Feature, Policy } from '../../src/contract/policy.js';
import { defineService, type ServiceType } from '../../src/contract/service.js';

export interface Ask {
  readonly fish: string;
  /** Since 1.1, feature `notes`. */
  readonly note?: string;
}

export interface Sale {
  readonly fish: string;
  /** Since 1.2, feature `origin`. */
  readonly origin?: string;
  /** Since 1.3, feature `grades`. */
  readonly grade?: number;
}

const since = { notes: 1, origin: 2, grades: 3 } as const;
export type FeatureName = keyof typeof since;
export const featureNames = Object.keys(since) as FeatureName[];

/** What a build of that minor declares. */
export const featuresIn = (minor: number): FeatureName[] => featureNames.filter((name) => minor >= since[name]);

export interface MinorOptions {
  /** `undefined`: the service declares no version. */
  readonly version?: string | undefined;
  readonly policy?: Policy;
}

const spec = (message: { request: Codec<Ask>; response: Codec<Sale> }, policy: Policy) =>
  ({ last: unary<Ask, Sale>({ name: 'Last', ...message, policy }) }) as const;

export type Market = ReturnType<typeof protoMarket>;

export function protoMarket(minor: number, { policy = {}, ...options }: MinorOptions = {}) {
  const { root } = protobuf.parse(
    `syntax = "proto3"; package fish.v1;
     message Ask { string fish = 1; ${minor >= 1 ? 'optional string note = 2;' : ''} }
     message Sale { string fish = 1; ${minor >= 2 ? 'optional string origin = 2;' : ''} ${minor >= 3 ? 'optional int32 grade = 3;' : ''} }`,
  );
  const codec = <T>(name: string): Codec<T> => {
    const type = root.lookupType(`fish.v1.${name}`);
    return {
      typeName: `fish.v1.${name}`,
      encode: (value) => type.encode(type.fromObject(value as Record<string, unknown>)).finish(),
      decode: (bytes) => type.toObject(type.decode(bytes)) as T,
      toJSON: (value) => value,
      fromJSON: (json) => json as T,
    };
  };
  const version = 'version' in options ? options.version : `1.${minor}.0`;
  const features: Feature[] = featuresIn(minor).map((name) => ({ name, since: `1.${since[name]}` }));
  return defineService({
    name: 'fish.v1.Market',
    ...(version === undefined ? {} : { version }),
    idl: 'proto',
    fingerprint: `${minor}`.repeat(64),
    methods: spec({ request: codec('Ask'), response: codec('Sale') }, { ...policy, features }),
  });
}

/** From `.thrift`, with the codecs and the policy that its text means. */
export function thriftMarket(minor: number): Market {
  const feature = (name: FeatureName) => `(hawser.feature.name = "${name}", hawser.feature.since = "1.${since[name]}")`;
  const folder = mkdtempSync(join(tmpdir(), 'hawser-minor-'));
  const path = join(folder, 'market.thrift');
  writeFileSync(
    path,
    `namespace * fish.v1
     struct Sale {
       1: string fish
       ${minor >= 2 ? `2: optional string origin ${feature('origin')}` : ''}
       ${minor >= 3 ? `3: optional i32 grade ${feature('grades')}` : ''}
     }
     service Market { Sale Last(1: string fish ${minor >= 1 ? `2: string note ${feature('notes')}` : ''}) } (hawser.version = "1.${minor}.0")`,
  );
  try {
    const { program } = parseThrift(path, []);
    if (program === undefined) throw new Error('the snippet does not parse');
    const [[, { functions, version }]] = [...readPolicies(program)] as [[unknown, Read]];
    const [policy] = [...functions.values()].map((one) => one.policy);
    const dynamic = thriftService('fish.v1.Market', [path], []) as ServiceType;
    const [method] = Object.values(dynamic.methods) as MethodSpec<Ask, Sale>[];
    if (method === undefined) throw new Error('the snippet has no method');
    return defineService({
      name: dynamic.name,
      version: version ?? '',
      idl: 'thrift',
      fingerprint: `${minor}`.repeat(64),
      methods: spec(method, policy ?? {}),
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

type Read = NonNullable<ReturnType<ReturnType<typeof readPolicies>['get']>>;
