/**
 * What the conformance runner starts: `testee.ts SUBJECT ARGS`. Requests come on standard input, each behind its length in four
 * bytes; each is answered on standard output in the same form. The suite's own messages are read by protobuf-es, so that no codec
 * under test has a part in the verdict.
 */
import {
  create,
  type DescMessage,
  type FileRegistry,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { registryOf } from '../../../../src/cli/dynamic-proto.js';
import { loadProto } from '../../../../src/codegen/proto/load.js';
import { type Subject, subjectNamed } from './subjects.js';
import { suiteProtos } from './suite.js';

interface ConformanceRequest {
  readonly payload: { readonly case?: string; readonly value?: unknown };
  readonly requestedOutputFormat: number;
  readonly messageType: string;
  readonly testCategory: number;
}

const formats = { binary: 1, json: 2 };
const ignoreUnknown = 3;

type Result = { case: string; value: unknown };

function answer(subject: Subject, request: ConformanceRequest): Result {
  const { payload, messageType, requestedOutputFormat: wanted } = request;
  if (messageType === 'conformance.FailureSet') return { case: 'protobufPayload', value: new Uint8Array() };
  if (wanted !== formats.binary && wanted !== formats.json) return { case: 'skipped', value: 'only binary and JSON' };
  let message: unknown;
  try {
    if (payload.case === 'protobufPayload') message = subject.fromBinary(messageType, payload.value as Uint8Array);
    else if (payload.case === 'jsonPayload')
      message = subject.fromJson(messageType, payload.value as string, request.testCategory === ignoreUnknown);
    else return { case: 'skipped', value: 'only binary and JSON' };
  } catch (error) {
    return { case: 'parseError', value: String(error) };
  }
  try {
    return wanted === formats.binary
      ? { case: 'protobufPayload', value: subject.toBinary(messageType, message) }
      : { case: 'jsonPayload', value: subject.toJson(messageType, message) };
  } catch (error) {
    return { case: 'serializeError', value: String(error) };
  }
}

function typeIn(registry: FileRegistry, name: string): DescMessage {
  const type = registry.getMessage(name);
  if (type === undefined) throw new Error(`the suite has no ${name}`);
  return type;
}

const registry = registryOf(await loadProto([suiteProtos], []));
const requestType = typeIn(registry, 'conformance.ConformanceRequest');
const responseType = typeIn(registry, 'conformance.ConformanceResponse');
const [name = '', ...args] = process.argv.slice(2);
const subject = await subjectNamed(name, registry, args);

let waiting: Buffer = Buffer.alloc(0);
for await (const chunk of process.stdin) {
  waiting = Buffer.concat([waiting, chunk as Buffer]);
  while (waiting.length >= 4 && waiting.length >= 4 + waiting.readUInt32LE(0)) {
    const length = waiting.readUInt32LE(0);
    const request = fromBinary(requestType, waiting.subarray(4, 4 + length)) as unknown as ConformanceRequest;
    waiting = waiting.subarray(4 + length);
    const response = create(responseType, { result: answer(subject, request) } as unknown as MessageShape<DescMessage>);
    const bytes = toBinary(responseType, response);
    const head = Buffer.alloc(4);
    head.writeUInt32LE(bytes.length);
    process.stdout.write(Buffer.concat([head, bytes]));
  }
}
