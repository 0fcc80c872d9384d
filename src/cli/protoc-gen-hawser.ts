#!/usr/bin/env node
/**
 * The generator as a plugin of buf and protoc: what `hawser generate --proto` makes, for trees whose .proto files are
 * compiled by those already. buf.gen.yaml names it with `strategy: all`, because the classes of declared errors are
 * printed where their messages are, and a file alone does not say which of its messages are errors.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type CodeGeneratorRequest,
  CodeGeneratorRequestSchema,
  type CodeGeneratorResponse,
  CodeGeneratorResponseSchema,
  Edition,
  CodeGeneratorResponse_Feature as Feature,
} from '@bufbuild/protobuf/wkt';
import { formatDiagnostic } from '../codegen/diagnostic.js';
import { generateCompiled } from '../codegen/proto/index.js';
import { ToolError } from '../codegen/proto/peer.js';
import { pluginOptions } from './emit-options.js';
import { endWith } from './ending.js';
import { UsageError } from './usage.js';

type Answer = Pick<CodeGeneratorResponse, 'file'> | { readonly error: string };

async function answer(request: CodeGeneratorRequest): Promise<Answer> {
  try {
    const { files, diagnostics } = await generateCompiled(
      request.protoFile,
      request.fileToGenerate,
      pluginOptions(request.parameter),
    );
    const shown = (severity: 'error' | 'warning'): string[] =>
      diagnostics.filter((one) => one.severity === severity).map(formatDiagnostic);
    for (const warning of shown('warning')) console.error(warning);
    const errors = shown('error');
    if (errors.length > 0) return { error: errors.join('\n') };
    const ordered = [...files].sort(([a], [b]) => (a < b ? -1 : 1));
    return { file: ordered.map(([name, content]) => file(name, content)) };
  } catch (error) {
    if (error instanceof ToolError || error instanceof UsageError) return { error: error.message };
    throw error;
  }
}

function file(name: string, content: string): CodeGeneratorResponse['file'][number] {
  return create(CodeGeneratorResponseSchema, { file: [{ name, content }] })
    .file[0] as CodeGeneratorResponse['file'][number];
}

async function input(): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function run(): Promise<number> {
  if (process.argv.length > 2 || process.stdin.isTTY) {
    console.error('protoc-gen-hawser is run by buf or protoc; name it in buf.gen.yaml. See docs/generate.md.');
    return 2;
  }
  const request = decoded(await input());
  if (request === undefined) {
    console.error(
      'protoc-gen-hawser: what came on standard input is no CodeGeneratorRequest, which buf and protoc send.',
    );
    return 1;
  }
  const response = create(CodeGeneratorResponseSchema, {
    ...(await answer(request)),
    supportedFeatures: BigInt(Feature.PROTO3_OPTIONAL | Feature.SUPPORTS_EDITIONS),
    minimumEdition: Edition.EDITION_PROTO2,
    maximumEdition: Edition.EDITION_2023,
  });
  process.stdout.write(toBinary(CodeGeneratorResponseSchema, response));
  return 0;
}

function decoded(bytes: Uint8Array): CodeGeneratorRequest | undefined {
  try {
    return fromBinary(CodeGeneratorRequestSchema, bytes);
  } catch {
    return undefined;
  }
}

endWith('protoc-gen-hawser', run);
