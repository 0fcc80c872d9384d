import { ApplicationFault, decodeApplicationException, encodeApplicationException } from 'hawser/thrift';
import { describe, expect, it } from 'vitest';
import { RpcError } from '../../../src/call/rpc-error.js';
import { codes } from '../../../src/contract/code.js';
import {
  decodeError,
  encodeError,
  withoutStatusHeaders,
  withStatusHeaders,
} from '../../../src/transports/thrift/application-errors.js';

describe('an RpcError over Thrift', () => {
  it('arrives whole at our own client, whatever its code, over binary and compact', () => {
    for (const encoding of ['binary', 'compact'] as const) {
      for (const code of codes.filter((one) => one !== 'OK')) {
        const sent = new RpcError(code, 'no such fish', {
          reason: 'NO_FISH',
          metadata: { fish: 'cod' },
          disposition: 'executed',
        });
        const { error } = decodeError(encodeError(sent, encoding), encoding, undefined);
        expect(error).toMatchObject({ code, message: 'no such fish', reason: 'NO_FISH', disposition: 'executed' });
        expect(error.info?.metadata).toEqual({ fish: 'cod' });
      }
    }
  });

  it('holds nothing but UTF-8, so that every library can skip it, and is read from a Hawser that sent bytes', () => {
    const sent = new RpcError('NOT_FOUND', 'x'.repeat(300), { reason: 'LONG' });
    const bytes = encodeError(sent, 'binary');
    // Field 103: type 11, id, length, text.
    const at = bytes.indexOf(Buffer.from([11, 0, 103]));
    const text = bytes.subarray(at + 7, at + 7 + bytes.readInt32BE(at + 3)).toString('latin1');
    expect(text).toMatch(/^[A-Za-z0-9+/]+=*$/);
    const status = Buffer.from(text, 'base64');
    const size = Buffer.alloc(4);
    size.writeInt32BE(status.length);
    const before = Buffer.concat([bytes.subarray(0, at), Buffer.from([11, 0, 101]), size, status, Buffer.from([0])]);
    for (const one of [bytes, before])
      expect(decodeError(one, 'binary', undefined).error).toMatchObject({ reason: 'LONG' });
  });

  it('has the type that a foreign client understands', () => {
    const typeOf = (code: 'UNIMPLEMENTED' | 'INVALID_ARGUMENT' | 'NOT_FOUND') =>
      decodeApplicationException(encodeError(new RpcError(code, ''), 'binary'), 'binary').type;
    expect(typeOf('UNIMPLEMENTED')).toBe(ApplicationFault.UNKNOWN_METHOD);
    expect(typeOf('INVALID_ARGUMENT')).toBe(ApplicationFault.PROTOCOL_ERROR);
    expect(typeOf('NOT_FOUND')).toBe(ApplicationFault.INTERNAL_ERROR);
  });

  it('is rebuilt from THeader keys when the exception itself says less', () => {
    const sent = new RpcError('NOT_FOUND', 'gone', { reason: 'GONE', disposition: 'executed' });
    const headers = withStatusHeaders(undefined, sent);
    const bare = encodeApplicationException({ message: 'gone', type: 6 }, 'binary');
    expect(decodeError(bare, 'binary', headers).error).toMatchObject({
      code: 'NOT_FOUND',
      reason: 'GONE',
      disposition: 'executed',
    });
    expect(withoutStatusHeaders(headers).size).toBe(0);
  });
});

describe("a foreign server's exception", () => {
  it.each([
    [0, 'UNKNOWN', 'unknown'],
    [1, 'UNIMPLEMENTED', 'not-executed'],
    [2, 'INTERNAL', 'unknown'],
    [3, 'INTERNAL', 'unknown'],
    [4, 'INTERNAL', 'unknown'],
    [5, 'INTERNAL', 'executed'],
    [6, 'UNKNOWN', 'unknown'],
    [7, 'INVALID_ARGUMENT', 'unknown'],
    [8, 'FAILED_PRECONDITION', 'not-executed'],
    [9, 'FAILED_PRECONDITION', 'not-executed'],
    [10, 'FAILED_PRECONDITION', 'not-executed'],
    [99, 'UNKNOWN', 'unknown'],
  ] as const)('of type %i is %s, %s', (type, code, disposition) => {
    const bytes = encodeApplicationException({ message: 'why', type }, 'binary');
    expect(decodeError(bytes, 'binary', undefined).error).toMatchObject({ code, disposition, message: 'why' });
  });

  it('without a type, as npm thrift sends it, is UNKNOWN with its message', () => {
    const bytes = Buffer.from('0b0001000000026e6f00', 'hex');
    expect(decodeError(bytes, 'binary', undefined).error).toMatchObject({ code: 'UNKNOWN', message: 'no' });
  });

  it('keeps the name of its type as the reason', () => {
    const bytes = encodeApplicationException({ message: '', type: 1 }, 'binary');
    expect(decodeError(bytes, 'binary', undefined).error).toMatchObject({
      reason: 'THRIFT_UNKNOWN_METHOD',
      message: 'the server answered with UNKNOWN_METHOD and no message',
    });
  });
});
