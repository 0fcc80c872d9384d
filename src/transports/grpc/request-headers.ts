/**
 * Bounds the headers of a request, and reads two of them before grpc-js does. Its own reading of `grpc-timeout` is not anchored,
 * wraps above 2^31 ms (a deadline of 25 days arrives as expired) and rests on the wall clock; and
 * it drops `grpc-accept-encoding`, without which no response may be compressed. So they are taken
 * out at the HTTP/2 layer and handed on in a header of our own.
 */
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Metadata, Server } from '@grpc/grpc-js';
import { parseTimeout } from '../../call/deadline.js';
import { noteHeader, textOf } from './metadata.js';

/** What the HTTP/2 layer saw of a request. */
export interface RequestNote {
  /** ms; Infinity without a deadline; undefined when the header is malformed. */
  readonly timeout: number | undefined;
  readonly acceptsGzip: boolean;
}

const nothing: RequestNote = { timeout: Number.POSITIVE_INFINITY, acceptsGzip: false };

/** What the notes are taken for. */
export interface NoteTerms {
  /** Whether a request to this path is for a service of ours; others are left as they are. */
  readonly ours: (path: string) => boolean;
  /** Whether responses may be compressed. */
  readonly gzip: boolean;
  /** The path that a request gets whose own is not ours; left out on a server that others serve from too. */
  readonly otherwise?: string;
  /** What headers may have, and where a request goes whose have more. */
  readonly headers?: { readonly maxBytes: number; readonly otherwise: string };
}

type StreamSource = {
  prependListener(event: 'stream', fn: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void): unknown;
};

/**
 * Takes notes on every HTTP/2 server inside `server`, those that are yet to be bound too. False when this grpc-js keeps
 * them elsewhere: there is no public way to them, so what needs the notes must do without.
 */
export function takeNotes(server: Server, terms: NoteTerms): boolean {
  const servers: unknown = Reflect.get(server, 'http2Servers');
  if (!(servers instanceof Map)) return false;
  const known = [...servers.keys()];
  if (!known.every(isStreamSource)) return false;
  for (const one of known) listen(one, terms);
  const add = servers.set;
  servers.set = (key: unknown, value: unknown) => {
    if (isStreamSource(key) && !servers.has(key)) listen(key, terms);
    return add.call(servers, key, value);
  };
  return true;
}

function listen(source: StreamSource, { ours, gzip, otherwise, headers: most }: NoteTerms): void {
  source.prependListener('stream', (_stream, headers) => {
    const bytes = most === undefined ? 0 : bytesOf(headers);
    if (most !== undefined && bytes > most.maxBytes) {
      strip(headers);
      headers[':path'] = most.otherwise;
      headers[noteHeader] = String(bytes);
      return;
    }
    const path = headers[':path'];
    if (path === undefined || !ours(path)) {
      if (otherwise === undefined) return;
      headers[':path'] = otherwise;
      headers[noteHeader] = legible(path);
      return;
    }
    const timeout = headers['grpc-timeout'];
    const accepts = gzip && acceptsGzip(headers['grpc-accept-encoding']);
    delete headers[noteHeader];
    if (timeout === undefined && !accepts) return;
    delete headers['grpc-timeout'];
    headers[noteHeader] = `${accepts ? 'z' : '-'}${timeout === undefined ? '' : legible(timeout)}`;
  });
}

/** Bytes as HTTP/2 counts them: 32 for each line, besides name and value (RFC 9113, section 6.5.2). */
function bytesOf(headers: IncomingHttpHeaders): number {
  let bytes = 0;
  for (const name in headers) {
    const value = headers[name];
    if (typeof value === 'string') bytes += name.length + value.length + 32;
    else for (const one of value ?? []) bytes += name.length + one.length + 32;
  }
  return bytes;
}

/** Leaves what HTTP/2 and gRPC need to answer, so that nothing is made of the rest. */
function strip(headers: IncomingHttpHeaders): void {
  for (const name in headers) {
    if (!name.startsWith(':') && name !== 'content-type' && name !== 'te') delete headers[name];
  }
}

function isStreamSource(value: unknown): value is StreamSource {
  return typeof value === 'object' && value !== null && 'prependListener' in value;
}

/** Bytes that grpc-js would leave out, and an empty value, are no less malformed as a question mark. */
function legible(value: string | string[] | undefined): string {
  return typeof value === 'string' && /^[!-~ ]+$/.test(value) ? value : '?';
}

export function noteOf(metadata: Metadata): RequestNote {
  const text = textOf(metadata, noteHeader);
  if (text === undefined) return nothing;
  return {
    timeout: text.length === 1 ? Number.POSITIVE_INFINITY : parseTimeout(text.slice(1)),
    acceptsGzip: text.startsWith('z'),
  };
}

function acceptsGzip(header: string | string[] | undefined): boolean {
  return header !== undefined && /(^|[\s,])gzip([\s,]|$)/.test(String(header));
}
