/** The echo service as each subject serves and calls it, and the two processes of it that the benches measure. */
import type { Actor } from '../harness/actor.js';
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
  /** Resolves to the address. `wire` is Thrift's encoding. */
  serve(wire: string): Promise<string>;
  connect(address: string, size: number, wire: string): Promise<EchoClient>;
}

const subjects: Readonly<Record<string, () => Promise<{ readonly subject: EchoSubject }>>> = {
  hawser: () => import('./hawser.js'),
  'hawser-thrift': () => import('./hawser-thrift.js'),
  'grpc-js': () => import('./grpc-js.js'),
  'nice-grpc': () => import('./nice-grpc.js'),
  'connect-node': () => import('./connect-node.js'),
  'http2-floor': () => import('./http2-floor.js'),
  thrift: () => import('./thrift.js'),
  'tcp-floor': () => import('./tcp-floor.js'),
};

async function subjectOf(name: string): Promise<EchoSubject> {
  const load = subjects[name];
  if (load === undefined) throw new Error(`there is no subject ${name}`);
  return (await load()).subject;
}

export const echoModule = import.meta.filename;

/** The process of the server. */
export async function echoServer({ name, wire = '' }: { name: string; wire?: string }): Promise<Actor> {
  const address = await (await subjectOf(name)).serve(wire);
  return { address: () => address };
}

interface ClientArgs {
  readonly name: string;
  readonly address: string;
  readonly size: number;
  readonly wire?: string;
}

/** The process of the client. */
export async function echoClient({ name, address, size, wire = '' }: ClientArgs): Promise<Actor> {
  const client = await (await subjectOf(name)).connect(address, size, wire);
  const streamOf = (kind: 'pour' | 'chat') => {
    const stream = client[kind];
    if (stream === undefined) throw new Error(`${name} has no ${kind}`);
    return (count: number) => stream.call(client, count);
  };
  return {
    closed: ({ inFlight, seconds }: { inFlight: number; seconds: number }): Promise<Load> =>
      closedLoop(() => client.say(), inFlight, seconds),
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
