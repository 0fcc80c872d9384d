/**
 * Which method a message's name means. Plain names are looked for in all services of the server;
 * `Service:method` (TMultiplexedProtocol) in the one that is named, by its full or its short name.
 */
import { ownError } from '../../call/own-error.js';
import type { RpcError } from '../../call/rpc-error.js';
import type { Dispatcher, Route } from '../../call/transport.js';
import type { MethodType } from '../../contract/method.js';
import type { ServiceType } from '../../contract/service.js';

export interface Found {
  readonly route: Route;
  /** The name of the answer: without the service. */
  readonly name: string;
}

export class RouteTable {
  readonly #plain = new Map<string, Route[]>();
  readonly #services = new Map<string, ServiceType[]>();
  /** By the name on the wire. Only names that exist are kept, so a peer cannot make it grow. */
  readonly #known = new Map<string, Found>();
  readonly #dispatcher: Dispatcher;

  constructor(dispatcher: Dispatcher) {
    this.#dispatcher = dispatcher;
    for (const service of dispatcher.services) {
      if (service.idl !== 'thrift') continue;
      for (const name of new Set([service.name, shortName(service.name)])) append(this.#services, name, service);
      for (const method of Object.values<MethodType>(service.methods)) {
        const route = dispatcher.find(method.path);
        if (route !== undefined) append(this.#plain, method.name, route);
      }
    }
  }

  /** Throws an RpcError UNIMPLEMENTED that says what is amiss with the name. */
  find(wireName: string): Found {
    const known = this.#known.get(wireName);
    if (known !== undefined) return known;
    const colon = wireName.indexOf(':');
    const route =
      colon < 0
        ? this.#findPlain(wireName)
        : this.#findMultiplexed(wireName.slice(0, colon), wireName.slice(colon + 1));
    const found = { route, name: wireName.slice(colon + 1) };
    this.#known.set(wireName, found);
    return found;
  }

  #findPlain(name: string): Route {
    const all = this.#plain.get(name) ?? [];
    // The server's own service gives way to those it was made for.
    const theirs = all.filter(({ method }) => !method.service.name.startsWith('hawser.'));
    const routes = theirs.length > 0 ? theirs : all;
    const [route] = routes;
    if (route === undefined) throw unknownMethod(`the server has no method ${JSON.stringify(name)}`);
    if (routes.length > 1) {
      const services = routes.map((one) => one.method.service.name).join(', ');
      throw unknownMethod(
        `several services have a method ${name} (${services}); call it by a multiplexed name, "Service:${name}"`,
      );
    }
    return route;
  }

  #findMultiplexed(serviceName: string, name: string): Route {
    const services = this.#services.get(serviceName) ?? [];
    const [service] = services;
    if (service === undefined) {
      throw unknownMethod(`the server has no service ${JSON.stringify(serviceName)} (in "${serviceName}:${name}")`);
    }
    if (services.length > 1) {
      const full = services.map((one) => one.name).join(', ');
      throw unknownMethod(`several services are called ${serviceName}; use one of the full names ${full}`);
    }
    const route = this.#dispatcher.find(`/${service.name}/${name}`);
    if (route === undefined) throw unknownMethod(`the service ${service.name} has no method ${JSON.stringify(name)}`);
    return route;
  }
}

/** The name of an answer to a message that is no known method's. */
export function answerName(wireName: string): string {
  return wireName.slice(wireName.indexOf(':') + 1);
}

function unknownMethod(message: string): RpcError {
  return ownError('UNKNOWN_METHOD', message, { disposition: 'not-executed' });
}

function shortName(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

function append<T>(map: Map<string, T[]>, key: string, value: T): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}
