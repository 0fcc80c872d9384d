/** The echo service as each subject serves and calls it, and the two processes of it that the benches measure. */
import type { Actor } from '../harness/actor.js';
import type { TlsFiles } from '../harness/certificate.js';
import { closedLoop, type Load, openLoop } from '../harness/load.js';

export interface EchoClient {
  /** Sends the body of a size given when connecting, and checks the size of what comes back. */
  say(): Promise<unknown>;
  /** A server stream of so many messages; resolves to how many came. */
  pour?(count: number): Promise<number>;
  /** Sends so many messages while it reads those that come back; resolves to how many came. */
  chat?(count: number): Promise<number>;
}

/** As the subject's own documentation advises, with the same messages and, where it knows them, deadlines. */
export interface EchoSubject {
  /** Resolves to the address. `wire` is Thrift's encoding; with `tls`, plaintext is not served. */
  serve(wire: string, tls?: TlsFiles): Promise<string>;
  /** With a connection of its own, however many there are in the process. */
  connect(address: string, size: number, wire: string, tls?: TlsFiles): Promise<EchoClient>;
}

const subjects: Readonly<Record<string, () => Promise<{ readonly subject: EchoSubject }>>> = {
  hawser: () => import('./hawser.js'),
  'hawser-thrift': () => import('./hawser-thrift.js'),
  'grpc-js': () => import('./grpc-js.js'),
  'nice-grpc': () => import('./nice-grpc.js'),
  'connect-node': () => import('./connect-node.js'),
  'http2-floor': () => import('./http2-floor.js'),
  engine: () => import('./engine.js'),
  thrift: () => import('./thrift.js'),
  'tcp-floor': () => import('./tcp-floor.js'),
};

async function subjectOf(name: string): Promise<EchoSubject> {
  const load = subjects[name];
  if (load === undefined) throw new Error(`there is no subject ${name}`);
  return (await load()).subject;
}

export const echoModule = import.meta.filename;

interface ServerArgs {
  readonly name: string;
  readonly wire?: string;
  readonly tls?: TlsFiles | undefined;
}

/** The process of the server. */
export async function echoServer({ name, wire = '', tls }: ServerArgs): Promise<Actor> {
  const address = await (await subjectOf(name)).serve(wire, tls);
  return { address: () => address };
}

interface ClientArgs extends ServerArgs {
  readonly address: string;
  readonly size: number;
  readonly connections: number;
}

/** The process of the client. */
export async function echoClient({ name, address, size, connections, wire = '', tls }: ClientArgs): Promise<Actor> {
  const subject = await subjectOf(name);
  const clients: EchoClient[] = [];
  for (let i = 0; i < connections; i++) clients.push(await subject.connect(address, size, wire, tls));
  const [client] = clients as [EchoClient];
  const streamOf = (kind: 'pour' | 'chat') => {
    const stream = client[kind];
    if (stream === undefined) throw new Error(`${name} has no ${kind}`);
    return (count: number) => stream.call(client, count);
  };
  return {
    closed: ({ inFlight, seconds }: { inFlight: number; seconds: number }): Promise<Load> =>
      closedLoop((worker) => (clients[worker % connections] ?? client).say(), inFlight, seconds),
    open: ({ rate, seconds }: { rate: number; seconds: number }): Promise<Load> =>
      openLoop(() => client.say(), rate, seconds),
    /** One stream after another; messages are counted as they arrive. */
    async stream({ kind, count, seconds }: { kind: 'pour' | 'chat'; count: number; seconds: number }) {
      const stream = streamOf(kind);
      const started = performance.now();
      let messages = 0;
      do {
        const came = await stream(count);
        if (came !== count) throw new Error(`${came} of ${count} messages came`);
        messages += came;
      } while (performance.now() - started < seconds * 1_000);
      return { messages, seconds: (performance.now() - started) / 1_000 };
    },
  };
}

/** Throws an Error for an echo of another size. */
export function checkSize(body: { readonly length: number }, size: number): void {
  if (body.length !== size) throw new Error(`the answer has ${body.length} bytes, not ${size}`);
}
