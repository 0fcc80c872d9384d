import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatDiagnostic } from '../../../src/codegen/diagnostic.js';
import type { EmitOptions } from '../../../src/codegen/proto/emit/options.js';
import { compileProto } from '../../../src/codegen/proto/index.js';
import type { MessageType } from '../../../src/contract/proto/message-type.js';
import { corpus, describeWith } from '../../requires.js';
import { compile, importGenerated, modules, scratch, typeErrors, typeErrorsIn, writeTree } from './scratch.js';

interface Fns {
  encode(message: object): Uint8Array;
  decode(bytes: Uint8Array): object;
  toJson(message: object): unknown;
}

describe('trees of .proto files', { timeout: 60_000 }, () => {
  it('keep the presence, the groups and the extensions of proto2', async () => {
    const files = await modules({
      'a.proto': `syntax = "proto2";
        enum Kind { KIND_A = 1; A = 2; }
        message M {
          required int32 r = 1; optional int32 o = 2 [default = 5]; optional double i = 3 [default = inf]; optional bool b = 4;
          repeated int32 n = 5; optional group G = 6 { optional int32 x = 1; } optional Kind k = 7 [default = A]; optional bytes y = 8;
          extensions 100 to 200; }
        extend M { optional int32 e = 100; }`,
    });
    expect(typeErrors(files)).toEqual([]);
    const M = (await importGenerated(files, 'a.ts')).M as unknown as Fns;
    // Zeros that were set are sent; numbers are not packed; a group has its own tags; an extension is passed on.
    const bytes = Uint8Array.of(
      0x08,
      0,
      0x10,
      0,
      0x20,
      0,
      0x28,
      1,
      0x28,
      2,
      0x33,
      0x08,
      0,
      0x34,
      0x38,
      1,
      0x42,
      0,
      0xa0,
      6,
      7,
    );
    const message = M.decode(bytes);
    expect(message).toMatchObject({ r: 0, o: 0, b: false, n: [1, 2], g: { x: 0 }, k: 1 });
    expect(Buffer.from(M.encode(message))).toEqual(Buffer.from(bytes));
    expect(M.toJson(message)).toMatchObject({ r: 0, o: 0, b: false, k: 'KIND_A' });
    expect(M.decode(Uint8Array.of())).toMatchObject({ o: undefined, i: undefined, k: undefined, y: undefined });
  });

  it('keep what the features of an edition say', async () => {
    const files = await modules({
      'a.proto': `edition = "2023";
        message M {
          int32 explicit = 1; int32 implicit = 2 [features.field_presence = IMPLICIT]; repeated int32 packed = 3;
          repeated int32 expanded = 4 [features.repeated_field_encoding = EXPANDED]; M delimited = 5 [features.message_encoding = DELIMITED]; }`,
    });
    expect(typeErrors(files)).toEqual([]);
    const M = (await importGenerated(files, 'a.ts')).M as unknown as Fns;
    const bytes = Uint8Array.of(0x08, 0, 0x1a, 2, 1, 2, 0x20, 1, 0x20, 2, 0x2b, 0x08, 1, 0x2c);
    expect(Buffer.from(M.encode(M.decode(bytes)))).toEqual(Buffer.from(bytes));
    expect(Buffer.from(M.encode(M.decode(Uint8Array.of(0x10, 0))))).toEqual(Buffer.from([]));
  });

  it('may hold what cannot be compiled together, and copies of the well-known types', async () => {
    const api = 'syntax = "proto3"; package google.api; message Http { string rule = 1; enum E { NONE = 0; } }';
    const files = await modules({
      'google/api/http.proto': api,
      'vendor/google/api/http.proto': api,
      'google/protobuf/any.proto':
        'syntax = "proto3"; package google.protobuf; message Any { string type_url = 1; bytes value = 2; }',
      'a.proto':
        'syntax = "proto3"; import "google/api/http.proto"; import "google/protobuf/any.proto"; message A { google.api.Http h = 1; google.protobuf.Any y = 2; }',
      'b.proto': 'syntax = "proto3"; import "vendor/google/api/http.proto"; message A { google.api.Http h = 1; }',
      'c.proto': 'message NoSyntax { optional int32 a = 1; }',
    });
    expect([...files.keys()].sort()).toEqual([
      'a.ts',
      'b.ts',
      'c.ts',
      'google/api/http.ts',
      'google/protobuf/any.ts',
      'vendor/google/api/http.ts',
    ]);
    expect(typeErrors(files)).toEqual([]);
  });

  it('generate what is imported for its types, and not what is imported for options or not used', async () => {
    const files = await modules(
      {
        'api/a.proto': `syntax = "proto3"; import "opts.proto"; import "unused.proto"; import public "types.proto"; import "google/protobuf/duration.proto";
          message A { T t = 1 [(note) = "x"]; }`,
        'third/opts.proto':
          'syntax = "proto3"; import "google/protobuf/descriptor.proto"; extend google.protobuf.FieldOptions { string note = 50001; }',
        'third/unused.proto': 'syntax = "proto3"; message Unused {}',
        'third/types.proto': 'syntax = "proto3"; import "deep.proto"; message T { map<string, Deep> d = 1; } ',
        'third/deep.proto': 'syntax = "proto3"; enum Deep { ZERO = 0; }',
        'third/broken.proto': 'this is not even proto',
      },
      ['api'],
      ['third'],
    );
    expect([...files.keys()].sort()).toEqual(['a.ts', 'deep.ts', 'types.ts']);
    expect(typeErrors(files)).toEqual([]);
  });

  it('have roots inside roots, and files as roots', async () => {
    const tree = {
      'third/google/type/d.proto': 'syntax = "proto3"; package google.type; message D {}',
      'api/a.proto':
        'syntax = "proto3"; import "google/type/d.proto"; import "api/b.proto"; message A { google.type.D d = 1; B b = 2; }',
      'api/b.proto': 'syntax = "proto3"; message B {}',
    };
    expect([...(await modules(tree, ['.'], ['third'])).keys()].sort()).toEqual([
      'api/a.ts',
      'api/b.ts',
      'google/type/d.ts',
    ]);
    expect([...(await modules(tree, ['api/b.proto'])).keys()]).toEqual(['b.ts']);
    expect([...(await modules(tree, ['api/b.proto'], ['.'])).keys()]).toEqual(['api/b.ts']);
    expect([...(await modules(tree, ['api'], ['.', 'third'])).keys()].sort()).toEqual([
      'a.ts',
      'api/b.ts',
      'google/type/d.ts',
    ]);
  });

  it('give the same output every time, whatever lies beside them', async () => {
    const tree = {
      'b/b.proto':
        'syntax = "proto3"; import "a/a.proto"; message B { A a = 1; } service S { rpc Get(A) returns (B); }',
      'a/a.proto': 'syntax = "proto3"; message A {}',
    };
    const first = await modules(tree);
    const second = await compile({ 'buf.yaml': 'this: [is not buf', 'a/a.txt': '', ...tree });
    expect(Object.fromEntries(second.files)).toEqual(Object.fromEntries(first));
  });

  it('may hold enums and oneofs of thousands', async () => {
    const lines = (count: number, line: (index: number) => string): string =>
      Array.from({ length: count }, (_, i) => line(i)).join(' ');
    const files = await modules({
      'values.proto': `syntax = "proto3"; enum Kind { ${lines(1500, (i) => `KIND_V${i} = ${i};`)} }`,
      'members.proto': `syntax = "proto3"; message M { oneof of { ${lines(5000, (i) => `int32 f${i} = ${i + 1};`)} } }`,
    });
    expect(files.get('values.ts')).toContain('\n  V1499: 1499,\n');
    expect(files.get('members.ts')).toContain('f4999');
  });

  it('are generated as the options say: endings of imports, 64-bit numbers, enums, and messages alone', async () => {
    const tree = {
      'a.proto':
        'syntax = "proto3"; package a; enum E { E_ZERO = 0; E_ONE = 1; } message A { E e = 1; int64 n = 2; map<int64, int64> m = 3; }',
      'b.proto': `syntax = "proto3"; package b; import "a.proto"; import "google/protobuf/wrappers.proto";
        message B { a.A a = 1; google.protobuf.Int64Value w = 2; repeated sint64 l = 3; oneof o { fixed64 f = 4; a.E e = 5; } } service S { rpc Get(a.A) returns (B); }`,
    };
    const root = scratch(tree);
    const made = async (emit: Partial<EmitOptions>): Promise<ReadonlyMap<string, string>> =>
      (await compileProto({ roots: [root], includes: [], emit })).files;
    const ts = await made({ importSuffix: '.ts' });
    for (const [path, text] of ts) expect([path, /from "\.[^"]*(?<!\.ts)"/.exec(text)]).toEqual([path, null]);
    const none = await made({ importSuffix: '' });
    for (const [path, text] of none) expect([path, /from "\.[^"]*\.(?:js|ts)"/.exec(text)]).toEqual([path, null]);
    expect([...(await made({ messagesOnly: true })).keys()].sort()).toEqual([
      'a.ts',
      'b.ts',
      'google/protobuf/wrappers.ts',
    ]);

    const texts = await made({ int64: 'string' });
    expect(typeErrors(texts)).toEqual([]);
    const { B } = (await importGenerated(texts, 'b.ts')) as unknown as Record<string, MessageType<object>>;
    const value = {
      a: { n: '9007199254740993', m: { '5': '-5' } },
      w: '-1',
      l: ['-9223372036854775808'],
      o: { $case: 'f', value: '1' },
    };
    expect(B?.decode(B.encode(value))).toMatchObject(value);

    const numbers = await made({ enums: 'number' });
    expect(typeErrors(numbers, { 'use.ts': 'import type { A } from "./a.js"; export const e: A["e"] = 7;' })).toEqual(
      [],
    );
  });

  it('may hold a oneof of 400 and a message of 1,000 fields, also where parts of them are given', async () => {
    const of = (count: number, line: (index: number) => string): string =>
      Array.from({ length: count }, (_, index) => line(index + 1)).join(' ');
    const files = await modules({
      'o.proto': `syntax = "proto3"; message L { string a = 1; } message O { oneof pick { ${of(400, (i) => `${i % 2 ? 'L' : 'string'} f${i} = ${i};`)} } }`,
      'w.proto': `syntax = "proto3"; message W { ${of(1000, (i) => `${['string', 'int64', 'double', 'W'][i % 4]} f${i} = ${i};`)} }`,
    });
    const use = `import { O } from "./o.js"; import { W } from "./w.js";
      export const bytes: Uint8Array = O.encode({ pick: { $case: 'f3', value: { a: 'x' } } });
      export const wide: W = W.create({ f1: 5n, f3: { f2: 0.5 } });`;
    expect(typeErrors(files, { 'use.ts': use })).toEqual([]);
  });

  it('are empty, or hold an empty file', async () => {
    expect(await compile({})).toMatchObject({ diagnostics: [], inputs: 0 });
    const files = await modules({ 'empty.proto': '', 'comment.proto': '// nothing' });
    expect([...files.keys()].sort()).toEqual(['comment.ts', 'empty.ts']);
    expect(typeErrors(files)).toEqual([]);
  });
});

describeWith('HAWSER_CORPUS', corpus !== undefined, 'the .proto trees of the corpus', () => {
  it('all generate and type-check', { timeout: 180_000 }, async () => {
    const root = join(corpus!, 'proto');
    const folder = scratch({ 'package.json': '{ "type": "module" }' });
    const paths: string[] = [];
    for (const tree of readdirSync(root)) {
      const { files, diagnostics } = await compileProto({ roots: [join(root, tree)], includes: [] });
      expect(diagnostics.filter((one) => one.severity === 'error').map(formatDiagnostic)).toEqual([]);
      writeTree(join(folder, tree), files);
      paths.push(...[...files.keys()].map((path) => `${tree}/${path}`));
    }
    expect(paths.length).toBeGreaterThan(150);
    expect(typeErrorsIn(folder, paths)).toEqual([]);
  });
});
