/**
 * What a topic is called on the wire: its method, and after a `?` the fields of the request, but for `keys`, as JSON with
 * sorted names. Both ends make it here, so one request is one topic.
 */
import type { Encoding } from '../contract/codec.js';
import type { MethodType } from '../contract/method.js';

/** The field of a request that chooses keys of a topic rather than a topic. */
export const keysField = 'keys';

/** `market.v1.PriceFeed/WatchPrices?{"region":"north"}`; without parameters only the method. Throws what the codec throws. */
export function topicName(method: MethodType, request: object = {}): string {
  const base = `${method.service.name}/${method.name}`;
  const encoding: Encoding = method.service.idl === 'proto' ? 'proto' : 'binary';
  const { request: codec } = method;
  // protobuf's codec wants every field: what is left out has its default, which is what no bytes decode to.
  const given = Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined));
  const whole = encoding === 'proto' ? { ...(codec.decode(new Uint8Array(), encoding) as object), ...given } : given;
  // There and back, so that a field that is left out and one that has its default are one.
  const json = codec.toJSON(codec.decode(codec.encode(whole, encoding), encoding));
  const parameters = canonical(json, true);
  return parameters === '{}' ? base : `${base}?${parameters}`;
}

function canonical(value: unknown, top = false): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value)
    .filter(([name, member]) => member !== undefined && !(top && name === keysField))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`);
  return `{${members.join(',')}}`;
}
