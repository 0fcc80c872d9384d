/** A service that is known only at run time: from `.thrift` or `.proto` files, or from the server itself. */
import type { ClientOptions } from '../client/create-client.js';
import { loadProto } from '../codegen/proto/load.js';
import type { MethodType } from '../contract/method.js';
import type { ServiceType } from '../contract/service.js';
import { codecOf, protoService, registryOf } from './dynamic-proto.js';
import { thriftService } from './dynamic-thrift.js';
import { describeSymbol } from './reflection-client.js';
import { UsageError } from './usage.js';

/** Where to look. */
export interface Sources {
  readonly address: string;
  readonly proto: readonly string[];
  readonly thrift: readonly string[];
  readonly include: readonly string[];
  readonly client: ClientOptions;
  /** Whether it is for topics, and not for calls. */
  readonly topics?: boolean;
}

/** A service, and how to show a message of its world. */
export interface Found {
  readonly service: ServiceType;
  readonly describe: (type: string, bytes: Uint8Array) => unknown;
}

/** Throws a TypeError when there is no such service, and what reading files and asking a server throw. */
export async function findService(name: string, sources: Sources): Promise<Found> {
  const { address, proto, thrift, include, client, topics } = sources;
  if (thrift.length > 0) return { service: thriftService(name, thrift, include, topics), describe: () => undefined };
  const registry = registryOf(
    proto.length > 0 ? await loadProto(proto, include) : await describeSymbol(address, name, client),
  );
  const describe = (type: string, bytes: Uint8Array): unknown => {
    const message = registry.getMessage(type);
    if (message === undefined) return undefined;
    const codec = codecOf(message, registry);
    return codec.toJSON(codec.decode(bytes, 'proto'));
  };
  return { service: protoService(registry, name), describe };
}

/** Throws a UsageError that names the methods there are. */
export function findMethod(service: ServiceType, name: string): MethodType {
  const methods = Object.values<MethodType>(service.methods);
  const method = methods.find((one) => one.name === name || one.localName === name);
  if (method !== undefined) return method;
  throw new UsageError(`${service.name} has no method ${name}; it has ${methods.map((one) => one.name).join(', ')}`);
}
