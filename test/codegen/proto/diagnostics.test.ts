import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatDiagnostic } from '../../../src/codegen/diagnostic.js';
import { compileProto } from '../../../src/codegen/proto/index.js';
import { peerFile } from '../../../src/codegen/proto/peer.js';
import { maxFileBytes } from '../../../src/codegen/proto/sources.js';
import { compile, errorsOf, modules, scratch } from './scratch.js';

describe('what is wrong with .proto files', { timeout: 60_000 }, () => {
  it('is said of all files at once, with the source line and a caret', async () => {
    const { diagnostics, files } = await compile({
      'a.proto': 'syntax = "proto3";\nmessage A { /* \u00fc\u{1F600} */ Missing m = 1; int32 b = 1; }\n',
      'b.proto': 'syntax = "proto3";\nmessage B { int32 x = 1 }\n',
    });
    expect(files.size).toBe(0);
    expect(errorsOf(diagnostics)).toEqual([
      'a.proto:2:23: Cannot find `Missing` in this scope.',
      'a.proto:2:48: Field number `1` used more than once.',
      'b.proto:2:25: Unexpected `}` after definition.',
    ]);
    expect(formatDiagnostic(diagnostics[0]!).split('\n').slice(1)).toEqual([
      '  message A { /* \u00fc\u{1F600} */ Missing m = 1; int32 b = 1; }',
      '                        ^~~~~~~',
    ]);
  });

  it('is an import that is nowhere, once, with a hint where there is one', async () => {
    const { diagnostics } = await compile({
      'api/a.proto':
        'syntax = "proto3";\nimport "types/t.proto";\nimport "nowhere.proto";\nimport "../a.proto";\nimport "google/protobuf/nothing.proto";\n',
      'api/types/t.proto': 'syntax = "proto3";',
    });
    expect(
      errorsOf(diagnostics).map((line) =>
        line.replace(/below \S+;/, 'below ...;').replace(/--include \S*\.scratch\/[^/]*/, '--include ...'),
      ),
    ).toEqual([
      'a.proto:2:8: There is no "types/t.proto" below ...; it is there as "api/types/t.proto", so add --include .../api.',
      'a.proto:3:8: There is no "nowhere.proto" below ...; add the folder that it is relative to with --include.',
      'a.proto:4:8: "../a.proto" is no import name: it may hold no "\\", "//", "." or ".."; import names are relative to a --proto or --include folder.',
      'a.proto:5:1: Imported file does not exist.',
    ]);
  });

  it('is two roots that name two different files alike, and not two that are the same', async () => {
    const one = 'syntax = "proto3"; message A {}';
    const tree = { 'x/a.proto': one, 'y/a.proto': `${one} message B {}`, 'z/a.proto': one };
    const { diagnostics } = await compile(tree, ['x', 'y']);
    expect(diagnostics[0]?.message).toMatch(
      /The import name "a.proto" means two files that differ, this one and .*x\/a\.proto/,
    );
    expect((await modules(tree, ['x', 'z'])).size).toBe(1);
  });

  it('is two files that make one output', async () => {
    const { diagnostics } = await compile({
      'a.proto': 'syntax = "proto3"; message A {} service S { rpc Get(A) returns (A); }',
      'a.rpc.proto': 'syntax = "proto3"; message B {}',
    });
    expect(diagnostics.map((one) => one.message)).toEqual([
      expect.stringMatching(/both make a\.rpc\.ts; rename one of them\./),
    ]);
  });

  it('is nonsense in a policy, at the option', async () => {
    const { diagnostics } = await compile({
      'p.proto': `syntax = "proto3";
package p.v2;
import "hawser/policy/v1/policy.proto";
message Q { int32 n = 1; }
service S {
  option (hawser.policy.v1.service) = {
    version: "one"
    timeout: "1s"
  };
  rpc A(Q) returns (Q) {
    option (hawser.policy.v1.method).timeout = "soon";
    option (hawser.policy.v1.method).attempt_timeout = "2s";
  }
  rpc B(Q) returns (stream Q) {
    option (hawser.policy.v1.method) = {
      idempotency: KEYED, key_field: "n"
      hedge { percentile: 100 }
      topic { key: "nope" mode: LATEST }
    };
  }
}
service T { option (hawser.policy.v1.service).version = "1.0.0"; }
`,
    });
    expect(
      diagnostics.map(({ severity, line, column, message }) => `${severity} ${line}:${column} ${message}`),
    ).toEqual([
      'error 7:5 p.v2.S: version is "one"; write a semantic version such as "1.4.0".',
      'error 11:38 p.v2.S/A: timeout is "soon"; write a number of milliseconds or a string such as "500ms", "2s", "1h".',
      'error 12:38 p.v2.S/A: attempt_timeout (2000 ms) is longer than timeout (1000 ms), so it would never end an attempt.',
      'error 16:7 p.v2.S/B: idempotency is KEYED on a server method; a key names one request with one answer, so only a unary method has one.',
      'error 16:27 p.v2.S/B: key_field "n" must be one string.',
      'error 17:7 p.v2.S/B: hedge is on a server method; only a unary call is sent twice.',
      'error 17:15 p.v2.S/B: hedge.percentile is 100; it must be above 0 and below 100.',
      'error 18:15 p.v2.S/B: topic.key is "nope", which is no field of p.v2.Q.',
      'warning 22:47 p.v2.T: version is "1.0.0", and the package is p.v2; the majors should agree.',
    ]);
  });

  it('is a file that is too big, is not text, or nests too deep', async () => {
    const folder = scratch({
      'deep.proto': `syntax = "proto3"; ${'message A {'.repeat(200)}${'}'.repeat(200)}`,
      'binary.proto': 'syntax = "proto3";\0',
    });
    writeFileSync(join(folder, 'big.proto'), `syntax = "proto3";\n/*${' '.repeat(maxFileBytes)}*/`);
    const { diagnostics } = await compileProto({ roots: [folder], includes: [] });
    expect(diagnostics.map((one) => one.message)).toEqual([
      expect.stringMatching(/^The file has \d+ bytes; the limit is 16777216\. Split it\.$/),
      'The file holds a zero byte, so it is not a .proto source; remove it or name it otherwise.',
      'Braces nest 200 deep; the limit is 100.',
    ]);
  });

  it('is found in a file that is one very long line, in a bounded time and number, at its place', async () => {
    const { diagnostics } = await compile({
      'a.proto': `syntax = "proto3"; /* \u00fc */ ${Array.from({ length: 3000 }, (_, index) => `message M${index} { Missing m = 1; } `).join('')}`,
    });
    expect(diagnostics).toHaveLength(101);
    expect(diagnostics[0]?.message).toBe('There are more than 100 errors in this file; these are the first.');
    expect(diagnostics[100]).toMatchObject({ line: 1 });
    for (const { column, sourceLine, length } of diagnostics.slice(1)) {
      expect(sourceLine?.slice(column - 1, column - 1 + (length ?? 0))).toBe('Missing');
    }
  });

  it('is a tool that is not installed, and what to install', () => {
    expect(() => peerFile('no-such-tool-at-all', 'bin')).toThrow(
      'no-such-tool-at-all is not installed, and generating from .proto files needs it. Run: npm install --save-dev @bufbuild/buf ts-proto',
    );
  });
});
