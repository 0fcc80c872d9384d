/** nice-grpc with the generic definitions that ts-proto makes for it. */
import type { InitOf, MessageType } from 'hawser/proto';
import { createChannel, createClient, createServer, type ServiceImplementation } from 'nice-grpc';
import { Payload, PourRequest } from '../gen/bench.js';
import { checkSize, type EchoClient, type EchoSubject } from './echo.js';

/** A message in the form that ts-proto gives it. */
function tsProto<T>(type: MessageType<T>): TsProtoType<T> {
  return {
    encode: (message) => ({ finish: () => type.encode(message as InitOf<T>) }),
    decode: (bytes) => type.decode(bytes),
    fromPartial: (partial) => type.create(partial as InitOf<T>),
  };
}

interface TsProtoType<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
  fromPartial(partial: { [Name in keyof T]?: T[Name] }): T;
}

/** As ts-proto's `outputServices=generic-definitions` emits it. */
export const EchoDefinition = {
  name: 'Echo',
  fullName: 'bench.v1.Echo',
  methods: {
    say: {
      name: 'Say',
      requestType: tsProto(Payload),
      requestStream: false,
      responseType: tsProto(Payload),
      responseStream: false,
      options: {},
    },
    hold: {
      name: 'Hold',
      requestType: tsProto(Payload),
      requestStream: false,
      responseType: tsProto(Payload),
      responseStream: false,
      options: {},
    },
    pour: {
      name: 'Pour',
      requestType: tsProto(PourRequest),
      requestStream: false,
      responseType: tsProto(Payload),
      responseStream: true,
      options: {},
    },
    chat: {
      name: 'Chat',
      requestType: tsProto(Payload),
      requestStream: true,
      responseType: tsProto(Payload),
      responseStream: true,
      options: {},
    },
  },
} as const;

const handlers: ServiceImplementation<typeof EchoDefinition> = {
  say: async (request) => request,
  hold: () => new Promise<never>(() => {}),
  async *pour({ count, size }) {
    const message = { body: new Uint8Array(size).fill(1) };
    for (let i = 0; i < count; i++) yield message;
  },
  async *chat(requests) {
    for await (const request of requests) yield request;
  },
};

export const subject: EchoSubject = {
  async serve() {
    const server = createServer();
    server.add(EchoDefinition, handlers);
    return `127.0.0.1:${await server.listen('127.0.0.1:0')}`;
  },
  async connect(address, size): Promise<EchoClient> {
    const client = createClient(EchoDefinition, createChannel(address));
    const message = { body: new Uint8Array(size).fill(1) };
    return {
      say: async () => checkSize((await client.say(message)).body, size),
      async pour(count) {
        let came = 0;
        for await (const { body } of client.pour({ count, size })) if (body.length === size) came += 1;
        return came;
      },
      async chat(count) {
        let came = 0;
        for await (const { body } of client.chat(repeated(message, count))) if (body.length === size) came += 1;
        return came;
      },
    };
  },
};

async function* repeated<T>(message: T, count: number): AsyncGenerator<T> {
  for (let i = 0; i < count; i++) yield message;
}
