import { expect, it } from 'vitest';
import { formatDiagnostic } from '../../../src/codegen/diagnostic.js';
import { compile } from './scratch.js';

const options = (packageName: string, number: number) => `
syntax = "proto2";
package ${packageName};
import "google/protobuf/descriptor.proto";
message Rules { optional uint64 min_len = 1; }
extend google.protobuf.FieldOptions { optional Rules rules = ${number}; }
extend google.protobuf.MessageOptions { optional Rules message = ${number}; }
extend google.protobuf.OneofOptions { optional Rules oneof = ${number}; }
`;

const warnings = async (file: string) => {
  const { diagnostics, files } = await compile(
    {
      'api/shop/v1/shop.proto': file,
      'third/buf/validate/validate.proto': options('buf.validate', 1159),
      'third/validate/validate.proto': options('validate', 1071),
    },
    ['api'],
    ['third'],
  );
  expect(files.size).toBeGreaterThan(0);
  return diagnostics.map((one) => formatDiagnostic(one).replace(/^.*\/(?=shop\.proto)/, ''));
};

it.each([
  ['buf/validate', 'string name = 1 [(buf.validate.rules).min_len = 1];', 'shop.v1.Order.name', 'buf.validate.rules'],
  ['validate', 'string name = 1 [(validate.rules).min_len = 1];', 'shop.v1.Order.name', 'validate.rules'],
  ['buf/validate', 'option (buf.validate.message).min_len = 1;', 'shop.v1.Order', 'buf.validate.message'],
  [
    'buf/validate',
    'oneof o { option (buf.validate.oneof).min_len = 1; string a = 1; }',
    'shop.v1.Order.o',
    'buf.validate.oneof',
  ],
  [
    'validate',
    'message Line { string a = 1 [(validate.rules).min_len = 1]; }',
    'shop.v1.Order.Line.a',
    'validate.rules',
  ],
])('rules of %s are warned of, once a file: %s', async (path, rule, where, option) => {
  const found = await warnings(
    `syntax = "proto3";\npackage shop.v1;\nimport "${path}/validate.proto";\nmessage Order {\n  ${rule}\n}\nmessage More { ${rule} }\n`,
  );
  expect(found).toEqual([
    expect.stringMatching(
      new RegExp(
        `^shop\\.proto:5:\\d+: warning: ${where} has the option \\(${option}\\), which Hawser does not enforce`,
      ),
    ),
  ]);
});

it('rules that are imported and not used are not', async () => {
  const file =
    'syntax = "proto3"; package shop.v1; import "buf/validate/validate.proto"; message Order { string a = 1; }';
  expect((await warnings(file)).filter((one) => !/unused/i.test(one))).toEqual([]);
});
