/** grpc-js by itself: a generated service definition and `makeGenericClientConstructor`'s client, a deadline for each call. */
import { once } from 'node:events';
import * as grpc from '@grpc/grpc-js';
import { Payload, PourRequest } from '../gen/bench.js';
import { checkSize, type EchoClient, type EchoSubject } from './echo.js';

const serialize = (message: Payload): Buffer => {
  const bytes = Payload.encode(message);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
};
const deserialize = (bytes: Buffer): Payload => Payload.decode(bytes);
const payloads = {
  requestSerialize: serialize,
  requestDeserialize: deserialize,
  responseSerialize: serialize,
  responseDeserialize: deserialize,
};

/** As ts-proto's `outputServices=grpc-js` emits it. */
export const EchoService = {
  say: { path: '/bench.v1.Echo/Say', requestStream: false, responseStream: false, ...payloads },
  hold: { path: '/bench.v1.Echo/Hold', requestStream: false, responseStream: false, ...payloads },
  pour: {
    ...payloads,
    path: '/bench.v1.Echo/Pour',
    requestStream: false,
    responseStream: true,
    requestSerialize: (message: PourRequest): Buffer => Buffer.from(PourRequest.encode(message)),
    requestDeserialize: (bytes: Buffer): PourRequest => PourRequest.decode(bytes),
  },
  chat: { path: '/bench.v1.Echo/Chat', requestStream: true, responseStream: true, ...payloads },
} as const;

/** Writes `count` messages as fast as they are taken. */
export async function writeAll(
  stream: { write(message: Payload): boolean; once(event: 'drain', fn: () => void): unknown },
  message: Payload,
  count: number,
): Promise<void> {
  for (let i = 0; i < count; i++) {
    if (!stream.write(message)) await new Promise<void>((resolve) => stream.once('drain', resolve));
  }
}

const handlers: grpc.UntypedServiceImplementation = {
  say: (call: grpc.ServerUnaryCall<Payload, Payload>, callback: grpc.sendUnaryData<Payload>) =>
    callback(null, call.request),
  hold: () => {},
  pour: async (call: grpc.ServerWritableStream<PourRequest, Payload>) => {
    const { count, size } = call.request;
    await writeAll(call, { body: new Uint8Array(size).fill(1) }, count);
    call.end();
  },
  chat: (call: grpc.ServerDuplexStream<Payload, Payload>) => {
    call.on('data', (message: Payload) => {
      if (call.write(message)) return;
      call.pause();
      call.once('drain', () => call.resume());
    });
    call.on('end', () => call.end());
  },
};

export function listen(
  services: grpc.ServiceDefinition,
  implementation: grpc.UntypedServiceImplementation,
  credentials = grpc.ServerCredentials.createInsecure(),
) {
  const server = new grpc.Server();
  server.addService(services, implementation);
  return new Promise<string>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, port) =>
      error === null ? resolve(`127.0.0.1:${port}`) : reject(error),
    );
  });
}

type UnaryMethod = (
  request: Payload,
  options: grpc.CallOptions,
  done: (error: grpc.ServiceError | null, response?: Payload) => void,
) => grpc.ClientUnaryCall;

/** What the generated client's types say. */
export interface EchoStub extends grpc.Client {
  say: UnaryMethod;
  hold: UnaryMethod;
  pour(request: PourRequest): grpc.ClientReadableStream<Payload>;
  chat(): grpc.ClientDuplexStream<Payload, Payload>;
}

const Stub = grpc.makeGenericClientConstructor(EchoService as unknown as grpc.ServiceDefinition, 'bench.v1.Echo');

/** Without a connection of its own, a stub shares that of the other stubs in the process. */
export function stubOf(address: string, own = false, credentials = grpc.credentials.createInsecure()): EchoStub {
  const options = own ? { 'grpc.use_local_subchannel_pool': 1 } : {};
  return new Stub(address, credentials, options) as unknown as EchoStub;
}

export const subject: EchoSubject = {
  serve(_wire, tls) {
    const services = EchoService as unknown as grpc.ServiceDefinition;
    if (tls === undefined) return listen(services, handlers);
    const pair = { cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) };
    return listen(services, handlers, grpc.ServerCredentials.createSsl(null, [pair]));
  },
  async connect(address, size, _wire, tls): Promise<EchoClient> {
    const credentials = tls === undefined ? undefined : grpc.credentials.createSsl(Buffer.from(tls.cert));
    const stub = stubOf(address, true, credentials);
    const message: Payload = { body: new Uint8Array(size).fill(1) };
    return {
      say: () =>
        new Promise<void>((resolve, reject) => {
          stub.say(message, { deadline: Date.now() + 30_000 }, (error, response) => {
            if (error !== null) reject(error);
            else resolve(checkSize(response?.body ?? '', size));
          });
        }),
      pour: (count) => counted(stub.pour({ count, size }), size),
      async chat(count) {
        const stream = stub.chat();
        const came = counted(stream, size);
        const sent = writeAll(stream, message, count).then(() => stream.end());
        const [number] = await Promise.all([came, sent]);
        return number;
      },
    };
  },
};

async function counted(stream: grpc.ClientReadableStream<Payload>, size: number): Promise<number> {
  let came = 0;
  stream.on('data', ({ body }: Payload) => {
    if (body.length === size) came += 1;
  });
  await once(stream, 'end');
  return came;
}
