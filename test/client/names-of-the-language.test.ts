/** Methods whose names mean something to JavaScript: clients can be awaited and shown, and every method called, whichever IDL they are from. */
import { join } from 'node:path';
import { createClient, createServer, MemoryNetwork, silentLogger } from 'hawser';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { formatDiagnostic } from '../../src/codegen/diagnostic.js';
import { generate } from '../../src/codegen/generate.js';
import { type MethodType, unary } from '../../src/contract/method.js';
import { defineService, type ServiceType } from '../../src/contract/service.js';
import { writeTree } from '../codegen/proto/scratch.js';
import { type Note, noteCodec } from '../support/echo.js';
import { scratchFolder } from '../support/scratch.js';

const names = [
  'Then',
  'Catch',
  'Finally',
  'ToJSON',
  'Constructor',
  'Prototype',
  'HasOwnProperty',
  'IsPrototypeOf',
  'ValueOf',
  'ToString',
  'ToLocaleString',
  '__proto__',
  '__defineGetter__',
  'Symbol',
  'Length',
  'Name',
  'Call',
  'Apply',
  'Bind',
  'Close',
  'On',
  'Inspect',
  'Arguments',
  'Default',
  'Await',
];

const folder = scratchFolder('names');
afterAll(() => folder.remove());
writeTree(folder.path, {
  'proto/odd/v1/odd.proto': [
    'syntax = "proto3"; package odd.v1; message Said { string text = 1; }',
    `service Odd { ${names.map((name) => `rpc ${name}(Said) returns (Said);`).join('\n')} }`,
  ].join('\n'),
  'idl/odd.thrift': [
    'struct Said { 1: string then, 2: string constructor, 3: string toJSON, 4: string __proto__ }',
    'enum Word { then, constructor, __proto__, toString, prototype }',
    `service Odd { ${names.map((name) => `Said ${name}(1: string text, 2: Word word)`).join('\n')} }`,
  ].join('\n'),
});
const out = join(folder.path, 'gen');
const generated = await generate({
  proto: [join(folder.path, 'proto')],
  thrift: [join(folder.path, 'idl')],
  include: [],
  out,
});

describe('a method with a name of the language', () => {
  it('is warned of where a client cannot have it, in both IDLs, and nothing else is', () => {
    expect(generated.diagnostics.map((one) => formatDiagnostic(one).replace(/^.*\/(?=odd\.)/, ''))).toEqual(
      ['thrift', 'proto'].flatMap((idl) =>
        ['Then', 'ToJSON'].map((name) => {
          const local = name === 'Then' ? 'then' : 'toJSON';
          return expect.stringMatching(
            new RegExp(
              `^odd.${idl}:\\d+:\\d+: warning: [\\w.]*Odd/${name}: a client has no function "${local}", .*\\$call\\.${local}`,
            ),
          );
        }),
      ),
    );
  });

  it('is not on the client by its types either, and is in $call', () => {
    const messages = { request: noteCodec, response: noteCodec };
    const Odd = defineService({
      name: 'odd.Odd',
      idl: 'proto',
      fingerprint: '',
      methods: {
        // biome-ignore lint/suspicious/noThenProperty: this is what it is about
        then: unary<Note, Note>({ name: 'Then', ...messages }),
        toJSON: unary<Note, Note>({ name: 'ToJSON', ...messages }),
        catch: unary<Note, Note>({ name: 'Catch', ...messages }),
      },
    });
    const client = createClient(Odd, new MemoryNetwork());
    // @ts-expect-error: await would call it
    expect(client.then).toBeUndefined();
    // @ts-expect-error: JSON.stringify would call it
    expect(client.toJSON).toBeUndefined();
    const calls: ((request: Note) => PromiseLike<Note>)[] = [client.$call.then, client.$call.toJSON, client.catch];
    expect(calls.map((one) => typeof one)).toEqual(['function', 'function', 'function']);
    expect(client.$call.catch).toBe(client.catch);
  });

  it.each(['proto', 'thrift'])(
    'of %s can be served and called; clients can be awaited, shown and resolved',
    async (idl) => {
      const path = join(out, idl === 'proto' ? 'odd/v1/odd.rpc.ts' : 'odd.ts');
      const { Odd } = (await import(/* @vite-ignore */ path)) as { Odd: ServiceType };
      const locals = Object.keys(Odd.methods);
      expect(locals.length).toBe(names.length);
      const called: string[] = [];
      const fields = ['then', 'constructor_', 'toJSON'].map((name) => [name, `a ${name}`]);
      const answer = { text: 'yes', ...Object.fromEntries(fields) };
      // As a class, with everything that its instances inherit.
      class Handlers {}
      for (const name of locals) {
        Object.defineProperty(Handlers.prototype, name, {
          value: () => {
            called.push(name);
            return idl === 'proto' ? { text: 'yes' } : answer;
          },
        });
      }
      const server = createServer({ logger: silentLogger }).add(Odd, new Handlers() as never);
      onTestFinished(() => server.close({ grace: 0 }));
      const wire = idl === 'proto' ? 'grpc' : 'thrift';
      const bound = (await server.listen({ [wire]: '127.0.0.1:0', memory: new MemoryNetwork() })) as Record<
        string,
        string
      >;
      for (const address of [bound[wire] as string, bound.memory as never]) {
        called.length = 0;
        const client = createClient(Odd, address, { logger: silentLogger });
        onTestFinished(() => client.$close());
        expect(await client).toBe(client);
        expect(await Promise.resolve(client)).toBe(client);
        expect(await (async () => client)()).toBe(client);
        expect(JSON.stringify({ client })).toBe('{"client":{}}');
        expect(called).toEqual([]);
        const calls = client.$call as Record<string, (request: object) => Promise<Record<string, unknown>>>;
        for (const name of locals) {
          const answered = await calls[name]?.({ text: 'x', word: 0 });
          expect(answered).toMatchObject(idl === 'proto' ? { text: 'yes' } : Object.fromEntries(fields));
        }
        expect(called).toEqual(locals);
        const own = Object.keys(client).filter((name) => !name.startsWith('$'));
        expect(own).toEqual(locals.filter((name) => name !== 'then' && name !== 'toJSON'));
        for (const name of own) expect((client as Record<string, unknown>)[name]).toBe(calls[name]);
      }
      const methods = Object.values<MethodType>(Odd.methods);
      expect(methods.map(({ name }) => name)).toEqual(names);
    },
  );
});
