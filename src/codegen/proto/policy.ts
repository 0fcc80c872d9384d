/**
 * The `hawser.policy.v1` options of a service, a method and its fields as the runtime's Policy. The options
 * are found in the compiled files themselves, so the reader and the schema cannot drift apart: a field that
 * the schema has and this file does not read fails a test.
 */
import {
  type DescField,
  type DescMethod,
  type DescService,
  getOption,
  hasOption,
  type Message,
  type Registry,
  ScalarType,
  toJson,
} from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel as Level } from '@bufbuild/protobuf/wkt';
import type { Code } from '../../contract/code.js';
import { milliseconds } from '../../contract/duration.js';
import type { MethodKind } from '../../contract/method.js';
import type { Feature, Policy } from '../../contract/policy.js';
import type { Diagnostic } from '../diagnostic.js';
import { checkPolicy, isVersion } from '../policy-rules.js';
import { diagnosticAt, type Element } from './place.js';
import type { ProtoSource } from './sources.js';

export interface ReadPolicy {
  readonly policy: Policy;
  /** Of a service. */
  readonly version: string | undefined;
  /** Of a method: message names as written. */
  readonly errors: readonly string[];
}

/** Scalars that are no key: what is equal may look different. */
const keyless: ReadonlySet<ScalarType> = new Set([ScalarType.BYTES, ScalarType.DOUBLE, ScalarType.FLOAT]);

const extensions = {
  service: 'hawser.policy.v1.service',
  rpc: 'hawser.policy.v1.method',
  field: 'hawser.policy.v1.field',
} as const;
export const extensionNumber = 57740;

type Report = (key: string, message: string, severity?: Diagnostic['severity']) => void;

export class PolicyReader {
  readonly diagnostics: Diagnostic[] = [];

  constructor(
    private readonly registry: Registry,
    private readonly sources: ReadonlyMap<string, ProtoSource>,
  ) {}

  service(service: DescService): ReadPolicy {
    const report = this.reporter(service);
    const json = this.json(service);
    const policy = policyOf(json, service.typeName, report);
    const version = json.version === undefined ? undefined : String(json.version);
    if (version !== undefined) this.checkVersion(service, version, report);
    this.check(policy, { service: policy, kind: undefined, name: service.typeName }, report);
    const whole = service.proto.options?.deprecated === true ? { ...policy, deprecated: {} } : policy;
    return { policy: whole, version, errors: [] };
  }

  method(method: DescMethod, service: Policy): ReadPolicy {
    const report = this.reporter(method);
    const name = `${method.parent.typeName}/${method.name}`;
    const json = this.json(method);
    const base = policyOf(json, name, report);
    const fields = this.fieldFeatures(method);
    const features = [...(base.features ?? []), ...fields];
    const idempotency = base.idempotency ?? standardLevel(method);
    const policy: Policy = {
      ...base,
      ...(idempotency === undefined ? {} : { idempotency }),
      ...(features.length === 0 ? {} : { features }),
      ...(base.deprecated === undefined && method.proto.options?.deprecated === true ? { deprecated: {} } : {}),
    };
    this.check(policy, { service, kind: kindOf(method), name }, report);
    this.checkFields(method, policy, name, report);
    return { policy, version: undefined, errors: (json.errors as string[] | undefined) ?? [] };
  }

  /** Reports at the place where the option stands. */
  reporter(element: Element): Report {
    return (key, message, severity = 'error') => {
      this.diagnostics.push(diagnosticAt(element, extensionNumber, key, severity, message, this.sources));
    };
  }

  private check(policy: Policy, context: Parameters<typeof checkPolicy>[1], report: Report): void {
    for (const { severity, message, option } of checkPolicy(policy, context)) report(option, message, severity);
  }

  private checkVersion(service: DescService, version: string, report: Report): void {
    if (!isVersion(version)) {
      report('version', `${service.typeName}: version is "${version}"; write a semantic version such as "1.4.0".`);
      return;
    }
    const major = /\.v(\d+)$/.exec(service.file.proto.package)?.[1];
    if (major !== undefined && major !== version.split('.')[0]) {
      report(
        'version',
        `${service.typeName}: version is "${version}", and the package is ${service.file.proto.package}; the majors should agree.`,
        'warning',
      );
    }
  }

  private checkFields(method: DescMethod, policy: Policy, name: string, report: Report): void {
    if (policy.keyField !== undefined && policy.keyField !== '') {
      const field = method.input.fields.find((one) => one.name === policy.keyField);
      if (field === undefined) {
        report(
          'key_field',
          `${name}: key_field is "${policy.keyField}", which is no field of ${method.input.typeName}.`,
        );
      } else if (field.fieldKind !== 'scalar' || field.scalar !== ScalarType.STRING) {
        report('key_field', `${name}: key_field "${policy.keyField}" must be one string.`);
      } else if (field.oneof !== undefined) {
        report('key_field', `${name}: key_field "${policy.keyField}" is in a oneof, where a request may have none.`);
      }
    }
    const key = policy.topic?.key;
    if (key === undefined || key === '') return;
    const field = method.output.fields.find((one) => one.name === key);
    if (field === undefined) {
      report('topic.key', `${name}: topic.key is "${key}", which is no field of ${method.output.typeName}.`);
    } else if (!(field.fieldKind === 'enum' || (field.fieldKind === 'scalar' && !keyless.has(field.scalar)))) {
      report('topic.key', `${name}: topic.key "${key}" must be one string, whole number, bool or enum.`);
    } else if (field.oneof !== undefined) {
      report('topic.key', `${name}: topic.key "${key}" is in a oneof, where an update may have none.`);
    }
  }

  private json(element: Element): Record<string, unknown> {
    const extension = this.registry.getExtension(extensions[element.kind]);
    if (extension?.message === undefined || !hasOption(element, extension)) return {};
    return toJson(extension.message, getOption(element, extension) as Message, { registry: this.registry }) as Record<
      string,
      unknown
    >;
  }

  /** The name of the feature that a field belongs to. */
  featureOfField(field: DescField): string | undefined {
    const feature = this.json(field).feature as Json | undefined;
    return feature === undefined ? undefined : featureOf(feature).name;
  }

  /** Features that fields of the request and the response need, and of all that these contain. */
  private fieldFeatures(method: DescMethod): Feature[] {
    const features: Feature[] = [];
    const seen = new Set([method.input, method.output]);
    for (const message of seen) {
      for (const field of message.fields) {
        if (field.message !== undefined) seen.add(field.message);
        const feature = this.json(field).feature as Record<string, unknown> | undefined;
        if (feature !== undefined) features.push({ ...featureOf(feature), field: `${message.typeName}.${field.name}` });
      }
    }
    return features;
  }
}

export function kindOf(method: DescMethod): MethodKind {
  switch (method.methodKind) {
    case 'unary':
      return 'unary';
    case 'server_streaming':
      return 'server';
    case 'client_streaming':
      return 'client';
    case 'bidi_streaming':
      return 'bidi';
  }
}

function standardLevel(method: DescMethod): Policy['idempotency'] {
  if (method.idempotency === Level.NO_SIDE_EFFECTS) return 'NO_SIDE_EFFECTS';
  return method.idempotency === Level.IDEMPOTENT ? 'IDEMPOTENT' : undefined;
}

type Json = Record<string, unknown>;

/** ProtoJSON of ServicePolicy or MethodPolicy to Policy; the names of its fields are the same but for `feature`. */
function policyOf(json: Json, name: string, report: Report): Policy {
  const duration = (value: unknown, key: string): number | undefined => {
    if (value === undefined) return undefined;
    try {
      return milliseconds(String(value), key);
    } catch (error) {
      report(key, `${name}: ${error instanceof Error ? error.message : String(error)}.`);
      return undefined;
    }
  };
  const retry = json.retry as Json | undefined;
  const hedge = json.hedge as Json | undefined;
  const topic = json.topic as Json | undefined;
  const history = topic?.history as Json | undefined;
  const features = json.feature as Json[] | undefined;
  return present({
    timeout: duration(json.timeout, 'timeout'),
    maxTimeout: duration(json.maxTimeout, 'max_timeout'),
    attemptTimeout: duration(json.attemptTimeout, 'attempt_timeout'),
    idempotency: specified(json.idempotency),
    retry: retry && {
      maxAttempts: retry.maxAttempts,
      initialBackoff: duration(retry.initialBackoff, 'retry.initial_backoff'),
      maxBackoff: duration(retry.maxBackoff, 'retry.max_backoff'),
      codes: retry.codes as Code[] | undefined,
    },
    hedge: hedge && {
      delay: duration(hedge.delay, 'hedge.delay'),
      percentile: numeric(hedge.percentile),
      maxCopies: hedge.maxCopies,
    },
    criticality: specified(json.criticality),
    cost: numeric(json.cost),
    checksum: json.checksum,
    deprecated: json.deprecated,
    keyField: json.keyField,
    keyRequired: json.keyRequired,
    features: features?.map(featureOf),
    topic: topic && {
      key: topic.key,
      mode: specified(topic.mode),
      conflation: specified(topic.conflation),
      merge: specified(topic.merge),
      recovery: specified(topic.recovery),
      historyCount: numeric(history?.count),
      historyAge: duration(history?.age, 'topic.history.age'),
      durability: specified(topic.durability),
    },
  }) as Policy;
}

function featureOf(json: Json): Feature {
  return present({ name: json.name ?? '', since: json.since }) as unknown as Feature;
}

/** `..._UNSPECIFIED` says nothing; a number is of an enum value that the schema does not name. */
function specified(value: unknown): string | undefined {
  return typeof value === 'string' && !value.endsWith('_UNSPECIFIED') ? value : undefined;
}

/** ProtoJSON writes 64-bit numbers, NaN and the infinities as strings. */
function numeric(value: unknown): number | undefined {
  return value === undefined ? undefined : Number(value);
}

/** Without what is undefined, at all depths. */
function present(value: Json): Json {
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(
    entries.map(([key, one]) => [
      key,
      typeof one === 'object' && one !== null && !Array.isArray(one) ? present(one as Json) : one,
    ]),
  );
}
