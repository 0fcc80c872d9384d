/**
 * An error on its way over a wire: the status that gRPC sends, and what either side makes of
 * it. One place, so that both wires and the memory transport agree to the letter.
 */

import { Status } from '../../gen/google/rpc/status.js';
import { wellFormed } from '../contract/bytes/utf8.js';
import { type Code, codeNumber, codeOf } from '../contract/code.js';
import type { Encoding } from '../contract/codec.js';
import { declaredTypeName, type MethodError } from '../contract/declared-error.js';
import type { MethodType } from '../contract/method.js';
import { ownError } from './own-error.js';
import { type Disposition, type ErrorDetail, RpcError, withoutStack } from './rpc-error.js';

export const dispositionHeader = 'hawser-disposition';
export const pushbackHeader = 'grpc-retry-pushback-ms';
export const detailsHeader = 'grpc-status-details-bin';

const typeUrlPrefix = 'type.googleapis.com/';

/** The code of a declared error: the call was understood, and refused for a reason the IDL names. */
export const declaredCode: Code = 'FAILED_PRECONDITION';

/** The declaration in `method` that a thrown value belongs to, if any. */
export function declarationOf(method: MethodType, error: unknown): MethodError | undefined {
  const name = declaredTypeName(error);
  if (name === undefined) return undefined;
  return method.errors.find((one) => one.type.typeName === name);
}

/** A declared error as an RpcError: its fields are a detail of its own type. */
export function statusOfDeclared(error: Error, { type }: MethodError, encoding: Encoding): RpcError {
  return ownError('DECLARED_ERROR', error.message, {
    code: declaredCode,
    metadata: { type: type.typeName },
    details: [{ type: type.typeName, value: type.codec.encode(error, encoding) }],
    disposition: 'executed',
    cause: error,
  });
}

/** The declared error inside an RpcError that was received, as its class; undefined when it holds none. */
export function declaredIn(method: MethodType, error: RpcError, encoding: Encoding): Error | undefined {
  for (const { type } of method.errors) {
    const detail = error.details.find((one) => one.type === type.typeName);
    if (detail !== undefined) return type.codec.decode(detail.value, encoding);
  }
  return undefined;
}

const preencodings = new WeakMap<RpcError, Uint8Array>();

/** For an error that many calls end with: its status is encoded here, once. */
export function preencoded(error: RpcError): void {
  preencodings.set(error, encodeStatus(error));
}

/** The google.rpc.Status of an error, encoded. */
export function encodeStatus(error: RpcError): Uint8Array {
  const known = preencodings.get(error);
  if (known !== undefined) return known;
  return Status.encode(
    Status.create({
      code: codeNumber(error.code),
      message: wellFormed(error.message),
      details: error.details.map(({ type, value }) => ({ typeUrl: typeUrlPrefix + type, value: Buffer.from(value) })),
    }),
  );
}

/** What a wire told of a failed call. */
export interface ReceivedStatus {
  readonly code: number;
  readonly message: string;
  /** `grpc-status-details-bin` */
  readonly details?: Uint8Array | undefined;
  /** `hawser-disposition` */
  readonly disposition?: string | undefined;
}

/**
 * An RpcError out of what a wire told. Details that do not decode are left out: the code and message still hold. It failed at
 * the peer, so it has no stack.
 */
export function errorOfStatus(status: ReceivedStatus): RpcError {
  const details = decodeDetails(status.details);
  const disposition = dispositionOf(status.disposition);
  return withoutStack(() => new RpcError(codeOf(status.code), status.message, { details, disposition }));
}

function decodeDetails(bytes: Uint8Array | undefined): readonly ErrorDetail[] {
  if (bytes === undefined) return [];
  try {
    return Status.decode(bytes).details.map(({ typeUrl, value }) => ({
      type: typeUrl.slice(typeUrl.lastIndexOf('/') + 1),
      value,
    }));
  } catch {
    return [];
  }
}

/** A word that this version does not know is no word. */
function dispositionOf(header: string | undefined): Disposition {
  return header === 'not-executed' || header === 'rolled-back' || header === 'executed' ? header : 'unknown';
}
