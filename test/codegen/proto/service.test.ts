import { describe, expect, it } from 'vitest';
import type { ServiceType } from '../../../src/contract/service.js';
import { compile, errorsOf, importGenerated, modules, typeErrors } from './scratch.js';

const bank = `
syntax = "proto3";
package bank.v1;
import "hawser/policy/v1/policy.proto";
import "google/protobuf/empty.proto";

// Why a transfer failed.
message Refused {
  // Which account.
  string account = 1;
  string message = 2;
  int32 name = 3;
  oneof detail { int64 missing = 4; string note = 5; }
}
message Transfer {
  message Leg { string account = 1; int64 cents = 2; }
  repeated Leg legs = 1;
  string request_id = 2;
}
// Moves money.
//
// Carefully.
service Bank {
  option (hawser.policy.v1.service) = { version: "1.2.0" timeout: "2s" };
  // Moves it */ once.
  rpc Move(Transfer) returns (Transfer.Leg) {
    option (hawser.policy.v1.method) = {
      timeout: "500ms" attempt_timeout: "100" idempotency: KEYED key_field: "request_id"
      retry: { max_attempts: 3 initial_backoff: "10ms" max_backoff: "1s" codes: "UNAVAILABLE" codes: "ABORTED" }
      errors: "Refused"
    };
  }
  rpc Watch(google.protobuf.Empty) returns (stream Transfer) { option deprecated = true; }
  rpc Load(stream Transfer) returns (google.protobuf.Empty);
  rpc Talk(stream Transfer) returns (stream Transfer);
}
`;

describe('a service of a .proto', { timeout: 60_000 }, () => {
  it('is printed with its policy, errors, comments and descriptors', async () => {
    const files = await modules({ 'bank/v1/bank.proto': bank });
    const text = files.get('bank/v1/bank.rpc.ts') ?? '';
    expect(text.replace(/fingerprint: "[0-9a-f]{64}"/, 'fingerprint: "..."')).toMatchSnapshot();
    expect([...files.keys()].sort()).toEqual([
      'bank/v1/bank.desc.ts',
      'bank/v1/bank.rpc.ts',
      'bank/v1/bank.ts',
      'google/protobuf/descriptor.desc.ts',
      'google/protobuf/empty.desc.ts',
      'google/protobuf/empty.ts',
      'hawser/policy/v1/policy.desc.ts',
    ]);
    expect(typeErrors(files)).toEqual([]);
  });

  it('carries errors across the wire as their class, with fields whose names an Error has taken', async () => {
    const files = await modules({ 'bank.proto': bank });
    const module = await importGenerated(files, 'bank.rpc.ts');
    const Refused = module.Refused as unknown as new (fields: object) => Error;
    const service = module.Bank as unknown as ServiceType;
    const codec = service.methods.move?.errors[0]?.type.codec;
    const error = new Refused({ account: 'a', message: 'too poor', name: 7, detail: { $case: 'missing', value: 5n } });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ account: 'a', message: 'too poor', name: 'Refused', name_: 7 });
    const back = codec?.decode(codec.encode(error, 'proto'), 'proto');
    expect(back).toBeInstanceOf(Refused);
    expect(back).toMatchObject({ account: 'a', name_: 7, detail: { $case: 'missing', value: 5n } });
    expect(codec?.toJSON(error)).toEqual({ account: 'a', message: 'too poor', name: 7, missing: '5' });
    expect(new Refused({ account: 'b' }).message).toBe('Refused { account: "b", message: "", name: 0 }');
  });

  it('keeps what a newer peer added to an error when it is passed on', async () => {
    const module = await importGenerated(await modules({ 'bank.proto': bank }), 'bank.rpc.ts');
    const codec = (module.Bank as unknown as ServiceType).methods.move?.errors[0]?.type.codec;
    const bytes = Uint8Array.of(0x0a, 1, 0x61, 0x50, 9); // account "a", and field 10, which is not known
    expect(Buffer.from(codec?.encode(codec.decode(bytes, 'proto'), 'proto') ?? [])).toEqual(Buffer.from(bytes));
  });

  it('gives descriptors of the file and all its imports, dependencies first, each once', async () => {
    const module = await importGenerated(await modules({ 'bank.proto': bank }), 'bank.rpc.ts');
    const names = (module.Bank as unknown as ServiceType)
      .descriptors()
      .map((bytes) => Buffer.from(bytes.subarray(2, 2 + (bytes[1] ?? 0))).toString());
    expect(names).toEqual([
      'google/protobuf/descriptor.proto',
      'hawser/policy/v1/policy.proto',
      'google/protobuf/empty.proto',
      'bank.proto',
    ]);
  });

  it('has a fingerprint that comments, options and order do not change, and that a field does', async () => {
    const print = async (text: string): Promise<string | undefined> =>
      /fingerprint: "(\w+)"/.exec((await modules({ 'bank.proto': text })).get('bank.rpc.ts') ?? '')?.[1];
    const first = await print(bank);
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(await print(bank.replace('// Which account.', '').replace('timeout: "2s"', ''))).toBe(first);
    const moved = bank
      .replace('repeated Leg legs = 1;', '')
      .replace('string request_id = 2;', 'string request_id = 2; repeated Leg legs = 1;');
    expect(await print(moved)).toBe(first);
    expect(await print(bank.replace('int64 cents = 2', 'uint64 cents = 2'))).not.toBe(first);
    expect(await print(bank.replace('int64 cents = 2', 'int64 cents = 3'))).not.toBe(first);
  });

  it('finds declared errors in other files and packages, and makes their class once, where the message is', async () => {
    const files = await modules({
      'errors/v1/errors.proto':
        'syntax = "proto3"; package errors.v1; message Gone { string what = 1; message Inner {} }',
      'a/v1/a.proto': `syntax = "proto3"; package a.v1;
        import "errors/v1/errors.proto"; import "hawser/policy/v1/policy.proto";
        message Q {}
        service Gone { rpc Get(Q) returns (Q) {
          option (hawser.policy.v1.method).errors = "errors.v1.Gone";
          option (hawser.policy.v1.method).errors = ".errors.v1.Gone.Inner"; } }`,
    });
    expect(files.get('errors/v1/errors.rpc.ts')).toContain('export class Gone extends ProtoError');
    expect(files.get('errors/v1/errors.rpc.ts')).toContain('export class Gone_Inner extends ProtoError');
    expect(files.get('a/v1/a.rpc.ts')).not.toContain('class');
    expect(typeErrors(files)).toEqual([]);
  });

  it('refuses an error that is no message, and one that is named twice', async () => {
    const { diagnostics, files } = await compile({
      'a.proto': `syntax = "proto3";
import "hawser/policy/v1/policy.proto";
message Q {}
service S {
  rpc Get(Q) returns (Q) {
    option (hawser.policy.v1.method) = {
      errors: "Nowhere"
      errors: ["Q", "Q"]
    };
  }
}`,
    });
    expect(files.size).toBe(0);
    expect(errorsOf(diagnostics)).toEqual([
      'a.proto:7:7: S/Get: errors names "Nowhere", and there is no message of that name; import its file.',
      'a.proto:7:7: S/Get: errors names Q twice.',
    ]);
  });
});
