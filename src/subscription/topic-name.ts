/**
 * What a topic is called on the wire: its method, and after a `?` the fields of the request, but for `keys`. Both ends make it here.
 *
 * One request is one topic, and two requests are two. Parameters are JSON where that says everything: where the request that is read
 * from it is this request, to the byte. They are the request's own bytes in base64 where it is not, as JSON has no form for a
 * Timestamp beyond the year 9999, for the type of a `google.protobuf.Any` that nobody registered, or for a field that is unknown.
 */
import type { Codec, Encoding } from '../contract/codec.js';
import type { MethodType } from '../contract/method.js';

/** The field of a request that chooses keys of a topic rather than a topic. */
export const keysField = 'keys';

/** `market.v1.PriceFeed/WatchPrices?{"region":"north"}`; without parameters only the method. Throws what the codec throws. */
export function topicName(method: MethodType, request: object = {}): string {
  const base = `${method.service.name}/${method.name}`;
  const parameters = parametersOf(method, request);
  return parameters === '' ? base : `${base}?${parameters}`;
}

/** The request that parameters stand for. Throws what the codec throws for parameters that stand for none. */
export function requestOf(method: MethodType, parameters: string): unknown {
  const codec: Codec<unknown> = method.request;
  return parameters.startsWith('{')
    ? codec.fromJSON(JSON.parse(parameters))
    : codec.decode(Buffer.from(parameters, 'base64url'), encodingOf(method));
}

/** How the requests and updates of a topic are encoded, whatever carries them. */
export function encodingOf(method: MethodType): Encoding {
  return method.service.idl === 'proto' ? 'proto' : 'binary';
}

function parametersOf(method: MethodType, request: object): string {
  const codec: Codec<unknown> = method.request;
  const encoding = encodingOf(method);
  // protobuf's codec wants every field: what is left out has its default, which is what no bytes decode to.
  const whole = encoding === 'proto' ? (codec.decode(new Uint8Array(), encoding) as object) : {};
  // Symbols too: what the type of the request does not know is asked for all the same.
  const { [keysField]: _, ...parameters } = request as Record<string, unknown>;
  for (const [name, value] of Object.entries(parameters)) if (value === undefined) delete parameters[name];
  Object.assign(whole, parameters);
  // There and back, so that a field that is left out and one that has its default are one.
  const value = codec.decode(codec.encode(whole, encoding), encoding);
  const bytes = bytesOf(codec, encoding, value);
  const json = jsonOf(codec, value);
  if (json === undefined || !isSame(codec, encoding, json, bytes)) return Buffer.from(bytes).toString('base64url');
  return json === '{}' ? '' : json;
}

/** Equal for equal values, and for no others. */
function bytesOf(codec: Codec<unknown>, encoding: Encoding, value: unknown): Uint8Array {
  return codec.encode(codec.ordered?.(value) ?? value, encoding);
}

function jsonOf(codec: Codec<unknown>, value: unknown): string | undefined {
  try {
    // Keys are at their default, whatever the IDL says that is.
    const { [keysField]: _, ...parameters } = codec.toJSON(codec.ordered?.(value) ?? value) as Record<string, unknown>;
    return sorted(parameters);
  } catch {
    return undefined;
  }
}

function isSame(codec: Codec<unknown>, encoding: Encoding, json: string, bytes: Uint8Array): boolean {
  try {
    return Buffer.compare(bytesOf(codec, encoding, codec.fromJSON(JSON.parse(json))), bytes) === 0;
  } catch {
    return false;
  }
}

/** JSON with the names of each object in order. */
function sorted(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sorted).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${sorted(member)}`);
  return `{${members.join(',')}}`;
}
