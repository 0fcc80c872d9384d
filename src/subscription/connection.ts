/**
 * The port between the hub and whatever carries its frames: a gRPC stream, the memory transport, a simulator. The hub sends
 * whole frames as bytes and stops when the carrier is full; nothing is queued for a connection but what `send` took.
 */
import type { RpcError } from '../call/rpc-error.js';
import type { Authorize } from './hub/hub-context.js';

/** The hub's way to one client. */
export interface Connection {
  /** Takes a frame (an encoded ServerFrame). The bytes may be shared with other connections and must not be changed. */
  send(frame: Uint8Array): void;
  /** Whether another frame is wanted now. */
  readonly writable: boolean;
  /** Sets what to call when `writable` has become true again. */
  onDrain(fn: () => void): void;
  /** Ends the stream: in good order without a reason. */
  close(reason?: RpcError): void;
  /** Bytes of one frame at most, where that is not what the hub's limits say. */
  readonly mostBytes?: number;
  /** For logs. */
  readonly peer: string;
  /** Who the client is. */
  readonly principal: string;
  /** What the client may do; where it is left out, what the hub says. */
  readonly authorize?: Authorize | undefined;
}

/** The client's way into the hub. */
export interface Session {
  /** One encoded ClientFrame. Never throws: what cannot be read is answered with an Error and the end of the stream. */
  receive(frame: Uint8Array): void;
  /** The stream is gone; the hub forgets everything of it. */
  closed(): void;
}
