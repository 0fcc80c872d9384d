/**
 * One attempt of one call between two halves in one process, as frames. Each half is one of these
 * and calls the other. On the plain memory network they are joined directly; a network that delays,
 * loses or cuts stands between them as one more of each.
 */
import { Buffer } from 'node:buffer';
import type { HeaderMap } from '../../call/headers.js';
import type { RpcError } from '../../call/rpc-error.js';

/** The frame that begins an attempt. */
export interface RequestFrame {
  /** `/market.v1.TradeHistory/GetLastSale` */
  readonly path: string;
  readonly idl: 'proto' | 'thrift';
  readonly headers: HeaderMap;
  /** Time that is left, ms. */
  readonly timeout: number | undefined;
  /** The request, unless it streams. */
  readonly message: Uint8Array | undefined;
}

/** From the client to the server. */
export interface RequestPath {
  /** First, once. */
  open(frame: RequestFrame): void;
  /** A promise to wait for before the next one, when the other side is full. */
  message(bytes: Uint8Array): Promise<void> | undefined;
  /** All messages of a streaming request are sent. */
  end(): void;
  /** Nobody waits for the answer any more. Nothing follows. */
  cancel(): void;
  /** The connection is gone. Nothing follows. */
  lost(): void;
}

/** From the server to the client. */
export interface ResponsePath {
  /** First, once; left out when the call fails before the handler set any. */
  headers(headers: HeaderMap): void;
  /** A promise to wait for before the next one, when the other side is full. */
  message(bytes: Uint8Array): Promise<void> | undefined;
  /** The status, last; OK when there is no error. Trailers are undefined when there are none. */
  end(trailers: HeaderMap | undefined, error: RpcError | undefined): void;
  /** The connection is gone; `error` says what the client may know of the call. Nothing follows. */
  lost(error: RpcError): void;
}

/** Nobody reads the other side's memory, as on a real wire. */
export function copy(bytes: Uint8Array): Uint8Array {
  return Buffer.from(bytes);
}
