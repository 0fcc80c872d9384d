/**
 * Reads two request headers before grpc-js does. Its own reading of `grpc-timeout` is not anchored,
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

type StreamSource = {
  prependListener(event: 'stream', fn: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void): unknown;
};

/**
 * Takes notes for the newest HTTP/2 server inside `server`. False when this grpc-js keeps them
 * elsewhere: there is no public way to them, so what needs the notes must do without.
 */
export function takeNotes(server: Server, gzip: boolean): boolean {
  const servers: unknown = Reflect.get(server, 'http2Servers');
  const http2Server = servers instanceof Map ? [...servers.keys()].at(-1) : undefined;
  if (!isStreamSource(http2Server)) return false;
  http2Server.prependListener('stream', (_stream, headers) => {
    const timeout = headers['grpc-timeout'];
    const accepts = gzip && acceptsGzip(headers['grpc-accept-encoding']);
    delete headers[noteHeader];
    if (timeout === undefined && !accepts) return;
    delete headers['grpc-timeout'];
    headers[noteHeader] = `${accepts ? 'z' : '-'}${timeout ?? ''}`;
  });
  return true;
}

function isStreamSource(value: unknown): value is StreamSource {
  return typeof value === 'object' && value !== null && 'prependListener' in value;
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
