/**
 * Headers of a call as grpc-js carries them. What HTTP/2 or gRPC itself speaks through is left
 * out both ways: a handler may pass on the headers it got without breaking the next hop.
 */
import { Buffer } from 'node:buffer';
import type { OutgoingHttpHeaders } from 'node:http2';
import type { Metadata, MetadataValue } from '@grpc/grpc-js';
import { HeaderMap, type HeaderValue } from '../../call/headers.js';
import { newMetadata } from './new-metadata.js';

/** Our own note from the HTTP/2 layer to the handler; see request-headers.ts. */
export const noteHeader = 'hawser-wire';

/** Never sent as a user's header, never shown as one. */
const transportOwned = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'content-type',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  noteHeader,
]);

/** The `grpc-` names that belong to applications and libraries; gRPC reserves the rest. */
const grpcNames = new Set([
  'grpc-previous-rpc-attempts',
  'grpc-retry-pushback-ms',
  'grpc-status-details-bin',
  'grpc-tags-bin',
  'grpc-trace-bin',
]);

/** Node refuses a second value of these by an exception, some of them where nothing can catch it. */
const singleValued =
  /^(access-control-(allow-credentials|max-age|request-method)|age|authorization|content-(encoding|language|location|md5|range)|date|dnt|etag|expires|from|if-(match|modified-since|none-match|range|unmodified-since)|last-modified|location|max-forwards|proxy-authorization|range|referer|retry-after|tk|upgrade-insecure-requests|user-agent|x-content-type-options)$/;

export function isPrivate(name: string): boolean {
  return transportOwned.has(name) || (name.startsWith('grpc-') && !grpcNames.has(name));
}

/** `headers` as grpc-js sends them, less what the transport owns. */
export function metadataOf(headers: HeaderMap): Metadata {
  const metadata = newMetadata();
  headers.forEach((name, value) => {
    if (isPrivate(name)) return;
    if (typeof value === 'string' || value instanceof Uint8Array) metadata.set(name, sendable(value));
    else if (singleValued.test(name)) metadata.set(name, sendable(value.at(-1) as HeaderValue));
    else for (const one of value) metadata.add(name, sendable(one));
  });
  return metadata;
}

function sendable(value: HeaderValue): MetadataValue {
  return typeof value === 'string' ? value.trim() : asBuffer(value);
}

/** `headers` line by line as HTTP/2 has them, less what the transport owns. */
export function forEachOutgoing(headers: HeaderMap, fn: (name: string, value: string) => void): void {
  headers.forEach((name, value) => {
    if (isPrivate(name)) return;
    if (typeof value === 'string' || value instanceof Uint8Array) fn(name, outgoing(value));
    else if (singleValued.test(name)) fn(name, outgoing(value.at(-1) as HeaderValue));
    else for (const one of value) fn(name, outgoing(one));
  });
}

/** Adds `headers` to those of a request as node:http2 takes them, less what the transport owns. */
export function addOutgoing(to: OutgoingHttpHeaders, headers: HeaderMap): void {
  headers.forEach((name, value) => {
    if (isPrivate(name)) return;
    if (typeof value === 'string' || value instanceof Uint8Array) to[name] = outgoing(value);
    else if (singleValued.test(name)) to[name] = outgoing(value.at(-1) as HeaderValue);
    else to[name] = value.map(outgoing);
  });
}

function outgoing(value: HeaderValue): string {
  return typeof value === 'string' ? value.trim() : asBuffer(value).toString('base64');
}

/** What a peer sent. A value that no HeaderMap may hold is left out. */
export function headersOf(metadata: Metadata): HeaderMap {
  const headers = new HeaderMap();
  for (const [name, values] of Object.entries(metadata.toJSON())) {
    if (isPrivate(name)) continue;
    for (const value of values) append(headers, name, value);
  }
  return headers;
}

function append(headers: HeaderMap, name: string, value: MetadataValue): void {
  try {
    headers.append(name, value);
  } catch {
    // A peer's mistake in one header is no reason to refuse the call.
  }
}

/** The first text value of a header. */
export function textOf(metadata: Metadata, name: string): string | undefined {
  const value = metadata.get(name)[0];
  return typeof value === 'string' ? value : undefined;
}

/** The first value of a `-bin` header. */
export function bytesOf(metadata: Metadata, name: string): Uint8Array | undefined {
  const value = metadata.get(name)[0];
  return typeof value === 'string' ? undefined : value;
}

/** The same memory as a Buffer: grpc-js calls `copy`, which a plain Uint8Array lacks. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
