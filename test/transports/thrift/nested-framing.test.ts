/** THeader on top of TFramedTransport: a frame in a frame, as Apache's clients send when both are asked for. */
import { ApplicationFault, decodeApplicationException, TMessageType, writeMessage } from 'hawser/thrift';
import { afterEach, describe, expect, it } from 'vitest';
import { HeaderMap } from '../../../src/call/headers.js';
import { defaultLimits } from '../../../src/transports/thrift/limits.js';
import { kindOf } from '../../../src/transports/thrift/sniff.js';
import { decodeHeaderFrame, encodeHeaderFrame } from '../../../src/transports/thrift/theader.js';
import { closeAll, echoMessage, framed, RawPeer, readAnswer, serveParley, stillServes } from './harness.js';
import { Parley } from './parley.js';

afterEach(closeAll);

const opening = { limits: defaultLimits, zlib: true };

function nested(message: Buffer, { zlib = false, headers }: { zlib?: boolean; headers?: HeaderMap } = {}): Buffer {
  return framed(encodeHeaderFrame({ protocol: 'binary', sequenceId: 4, zlib, headers }, message, defaultLimits));
}

/** The THeader frame within a frame of an answer. */
function inner(frame: Buffer): Buffer {
  expect(frame.readInt32BE(0)).toBe(frame.length - 4);
  return frame.subarray(4);
}

describe('THeader in a frame of its own', () => {
  it('is answered in the same two frames, headers included', async () => {
    const served = await serveParley();
    const peer = await RawPeer.connect(served.port);
    const headers = new HeaderMap({ 'x-tenant': 'acme' });
    const args = Parley.methods.header.request.encode({ name: 'x-tenant' }, 'binary');
    peer.send(nested(writeMessage('binary', 'header', TMessageType.CALL, 4, args), { headers }));
    const opened = decodeHeaderFrame(inner(await peer.frame()), opening);
    expect(opened).toMatchObject({ protocol: 'binary', sequenceId: 4 });
    expect(opened.headers?.get('x-answer')).toBe('to x-tenant');
    const answer = readAnswer(opened.payload);
    expect(Parley.methods.header.response.decode(answer.body, 'binary')).toBe('acme');
  });

  it('carries the status of an error, and a refusal', async () => {
    const served = await serveParley();
    const peer = await RawPeer.connect(served.port);
    peer.send(nested(echoMessage('x', { name: 'nosuch' })), nested(echoMessage('x'), { zlib: true }));
    const failed = decodeHeaderFrame(inner(await peer.frame()), opening);
    expect(failed.headers?.get('hawser-status')).toBe('12');
    const refused = readAnswer(decodeHeaderFrame(inner(await peer.frame()), opening).payload);
    const { type } = decodeApplicationException(refused.body, 'binary');
    expect(type).toBe(ApplicationFault.INVALID_TRANSFORM);
  });

  it('does not mix with plain THeader on one connection', async () => {
    const served = await serveParley();
    const peer = await RawPeer.connect(served.port);
    peer.send(nested(echoMessage('x')), nested(echoMessage('x')).subarray(4));
    await peer.frame();
    await peer.gone();
    expect(served.log.map((line) => line.message).join()).toMatch(
      /header message on a connection that began with framed-header/,
    );
    await stillServes(served.port);
  });

  it('is not seen where the lengths do not agree, nor in old binary', () => {
    const frame = nested(echoMessage('x')).subarray(4);
    expect(kindOf(frame)).toBe('framed-header');
    expect(() => kindOf(Buffer.concat([frame, Buffer.of(0)]))).toThrow(/not a Thrift message/);
    expect(() => kindOf(Buffer.from('00000000', 'hex'))).toThrow(/not a Thrift message/);
    expect(() => kindOf(Buffer.from('000000010f', 'hex'))).toThrow(/not a Thrift message/);
    const old = Buffer.concat([
      Buffer.from('00000004', 'hex'),
      Buffer.from('echo'),
      Buffer.from('010000000100', 'hex'),
    ]);
    expect(kindOf(old)).toBe('binary');
  });
});
