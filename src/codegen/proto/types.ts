/** The types of messages and enums, by ts-proto, run as the protoc plugin that it is on a request of our making. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  CodeGeneratorRequestSchema,
  CodeGeneratorResponseSchema,
  type FileDescriptorProto,
} from '@bufbuild/protobuf/wkt';
import { peerFile, runProgram, ToolError } from './peer.js';

const timeout = 600_000;

/** What the types of messages look like. docs/messages.md lists these for code that ts-proto makes by itself. */
export function typeOptions(int64: 'bigint' | 'string', importSuffix: string): Readonly<Record<string, string>> {
  return {
    onlyTypes: 'true',
    outputServices: 'none',
    unknownFields: 'false',
    oneof: 'unions-value',
    forceLong: int64,
    useDate: 'false',
    useOptionals: 'messages',
    useJsTypeOverride: 'true',
    enumsAsLiterals: 'true',
    unrecognizedEnum: 'false',
    // The names of fields are what prepare.ts makes them, and so are those of an enum's values.
    useJsonName: 'true',
    snakeToCamel: 'json',
    comments: 'true',
    esModuleInterop: 'true',
    importSuffix,
    exportCommonSymbols: 'false',
    annotateFilesWithVersion: 'false',
    emitImportedFiles: 'false',
  };
}

/** ts-proto's text for each of `generate`, by import name. `files` holds all they need, dependencies first. */
export async function printTypes(
  files: readonly FileDescriptorProto[],
  generate: readonly string[],
  options: Readonly<Record<string, string>>,
): Promise<Map<string, string>> {
  const printed = new Map<string, string>();
  if (generate.length === 0) return printed;
  const request = create(CodeGeneratorRequestSchema, {
    fileToGenerate: generate.map(encodePath),
    protoFile: files.map((file) => ({
      ...file,
      name: encodePath(file.name),
      dependency: file.dependency.map(encodePath),
    })),
    parameter: Object.entries(options)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
  });
  const script = peerFile('ts-proto', 'protoc-gen-ts_proto');
  const output = await runProgram(process.execPath, [script], {
    cwd: process.cwd(),
    input: toBinary(CodeGeneratorRequestSchema, request),
    timeout,
  });
  const response = output.status === 0 ? fromBinary(CodeGeneratorResponseSchema, output.stdout) : undefined;
  if (response === undefined || response.error !== '') {
    const said = (response?.error ?? output.stderr).trim().split('\n', 3).join(' ').slice(0, 500);
    throw new ToolError(
      `ts-proto cannot generate these files; it said: ${said}. Update ts-proto, or leave the file out.`,
    );
  }
  for (const name of generate) {
    const content = response.file.find((file) => file.name === `${stem(encodePath(name))}.ts`)?.content;
    if (content === undefined) throw new ToolError(`ts-proto returned nothing for ${name}. Install ts-proto again.`);
    printed.set(name, content);
  }
  return printed;
}

function stem(name: string): string {
  return name.replace(/\.proto$/, '');
}

/**
 * What ts-proto is told that a file is called. It takes a path apart at `@` and at the first `.proto`, so such paths are spelled
 * otherwise; a module of the spelled name, which only passes on, makes its imports right.
 */
export function encodePath(name: string): string {
  const safe = stem(name).replace(/[^\w./-]|\.(?=proto)/g, (char) => `_x${char.codePointAt(0)?.toString(16)}x_`);
  return `${safe}.proto`;
}
