/** npm thrift: `createServer` and `createConnection` with framed transports, and what Apache's compiler makes of the IDL. */
import { createRequire } from 'node:module';
import type { AddressInfo, Server } from 'node:net';
import { checkSize, type EchoClient, type EchoSubject } from './echo.js';

const load = createRequire(import.meta.url);

/** The part of the package that the benches use; it has no types of its own. */
interface NpmThrift {
  createServer(processor: unknown, handlers: object, options: object): Server;
  createConnection(host: string, port: number, options: object): NpmConnection;
  createClient(service: unknown, connection: NpmConnection): NpmStub;
  readonly TFramedTransport: NpmTransport;
  readonly TBinaryProtocol: NpmProtocol;
  readonly TCompactProtocol: NpmProtocol;
  readonly Int64: new (high: number, low: number) => object;
}
interface NpmConnection {
  on(event: 'error' | 'connect', fn: (error: Error) => void): void;
}
interface NpmStub {
  say(body: string, done: (error: Error | null, answer: string) => void): void;
}
export type NpmTransport = new (bytes?: Buffer, flushed?: (bytes: Buffer) => void) => { flush(): void };
export type NpmProtocol = new (transport: InstanceType<NpmTransport>) => object;

export const npm = load('thrift') as NpmThrift;
const service: unknown = load('../gen/npm-thrift/Echo.cjs');

const optionsOf = (wire: string) => ({
  transport: npm.TFramedTransport,
  protocol: wire === 'compact' ? npm.TCompactProtocol : npm.TBinaryProtocol,
});

export const subject: EchoSubject = {
  async serve(wire) {
    type Done = (error: null, answer: string) => void;
    const handlers = { say: (body: string, done: Done) => done(null, body) };
    const server = npm.createServer(service, handlers, optionsOf(wire));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
  async connect(address, size, wire): Promise<EchoClient> {
    const [host = '', port] = address.split(':');
    const connection = npm.createConnection(host, Number(port), optionsOf(wire));
    await new Promise<void>((resolve, reject) => {
      connection.on('connect', () => resolve());
      connection.on('error', reject);
    });
    const client = npm.createClient(service, connection);
    const body = 'x'.repeat(size);
    return {
      say: () =>
        new Promise<void>((resolve, reject) => {
          client.say(body, (error, answer) => {
            if (error !== null && error !== undefined) reject(error);
            else resolve(checkSize(answer, size));
          });
        }),
    };
  },
};
