/** A peer broke the rules of the wire. */
import type { Code } from '../../contract/code.js';
import type { ApplicationFault } from '../../contract/thrift/application-exception.js';

/** The stream of bytes makes no sense any more: the connection has to go. */
export class WireError extends Error {
  /** What the calls on the connection end with. */
  readonly code: Code;

  constructor(message: string, { code = 'INTERNAL', ...options }: ErrorOptions & { readonly code?: Code } = {}) {
    super(message, options);
    this.name = 'WireError';
    this.code = code;
  }
}

/** A message is above the limit, and is not waited for. */
export class MessageTooLong extends WireError {
  constructor(
    message: string,
    /** What has come of it, without a frame's length: its header, mostly. */
    readonly opening: Buffer,
    readonly framed: boolean,
  ) {
    super(message, { code: 'RESOURCE_EXHAUSTED' });
    this.name = 'MessageTooLong';
  }
}

/** One frame cannot be served, but where it ends is known, so the peer can be told and the connection lives on. */
export class FrameRefused extends Error {
  constructor(
    readonly type: ApplicationFault,
    /** To answer with. */
    readonly sequenceId: number,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'FrameRefused';
  }
}
