/** The header blocks of an answer. Source: gRPC over HTTP/2, "Responses". */
import type { HeaderMap } from '../../../call/headers.js';
import type { HpackEncoder } from '../../../http2/hpack-encoder.js';
import type { Stream } from '../../../http2/stream.js';
import type { CallStatus } from '../failed-status.js';
import { encodeMessage } from '../grpc-message.js';
import { forEachOutgoing } from '../metadata.js';

/** Name, value, name, value of the block that is being written. One for all: a block is written in one go. */
const fields: string[] = [];

function writeFields(encoder: HpackEncoder, bytes: Uint8Array, start: number): number {
  let at = start;
  for (let i = 0; i < fields.length; i += 2) {
    at = encoder.field(bytes, at, fields[i] as string, fields[i + 1] as string);
  }
  return at;
}

function sendFields(stream: Stream, end: boolean): void {
  let bytes = 0;
  for (let i = 0; i < fields.length; i++) bytes += (fields[i] as string).length + 6;
  stream.sendHead(bytes, writeFields, end);
  fields.length = 0;
}

const add = (name: string, value: string): void => {
  fields.push(name, value);
};

function writeOk(encoder: HpackEncoder, bytes: Uint8Array, at: number): number {
  return encoder.field(bytes, encoder.field(bytes, at, ':status', '200'), 'content-type', 'application/grpc');
}

export function sendHead(stream: Stream, headers: HeaderMap | undefined, encoding: string | undefined): void {
  if (headers === undefined && encoding === undefined) {
    stream.sendHead(64, writeOk, false);
    return;
  }
  add(':status', '200');
  add('content-type', 'application/grpc');
  if (encoding !== undefined) add('grpc-encoding', encoding);
  if (headers !== undefined) forEachOutgoing(headers, add);
  sendFields(stream, false);
}

function writeOkStatus(encoder: HpackEncoder, bytes: Uint8Array, at: number): number {
  return encoder.field(bytes, at, 'grpc-status', '0');
}

const okTrailers = { maxBytes: 32, write: writeOkStatus };

/** The end of a call that went well. */
export function sendOk(stream: Stream, trailers: HeaderMap | undefined): void {
  if (trailers === undefined) {
    stream.finish(okTrailers);
    return;
  }
  const lines: string[] = ['grpc-status', '0'];
  forEachOutgoing(trailers, (name, value) => lines.push(name, value));
  stream.finish(later(lines));
}

/** The end of a call that failed; with `headSent` false the only block of the answer ("Trailers-Only"). */
export function sendStatus(
  stream: Stream,
  { code, message, trailers }: CallStatus,
  headSent: boolean,
  more: readonly string[] = [],
): void {
  const lines: string[] = headSent ? [] : [':status', '200', 'content-type', 'application/grpc'];
  lines.push('grpc-status', String(code));
  // With OK there is never a message.
  if (message !== '' && code !== 0) lines.push('grpc-message', encodeMessage(message));
  lines.push(...more);
  if (trailers !== undefined) forEachOutgoing(trailers, (name, value) => lines.push(name, value));
  if (headSent) stream.finish(later(lines));
  else {
    fields.push(...lines);
    sendFields(stream, true);
  }
}

/** A block that may have to wait behind data. */
function later(lines: readonly string[]): {
  readonly maxBytes: number;
  readonly write: (encoder: HpackEncoder, bytes: Uint8Array, at: number) => number;
} {
  const bytes = lines.reduce((sum, text) => sum + text.length + 6, 0);
  return {
    maxBytes: bytes,
    write(encoder, chunk, start) {
      let at = start;
      for (let i = 0; i < lines.length; i += 2) {
        at = encoder.field(chunk, at, lines[i] as string, lines[i + 1] as string);
      }
      return at;
    },
  };
}

/** An answer that is not gRPC's: to what is no gRPC request. */
export function sendHttp(stream: Stream, status: number, more: readonly (readonly [string, string])[]): void {
  add(':status', String(status));
  for (const [name, value] of more) add(name, value);
  sendFields(stream, true);
}
