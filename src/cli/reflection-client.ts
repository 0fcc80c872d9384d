/** What a gRPC server says of itself through server reflection (v1, or v1alpha on older servers). */
import { fromBinary } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { ServerReflectionRequest, ServerReflectionResponse } from '../../gen/grpc/reflection/v1/reflection.js';
import { ServerReflection } from '../../gen/grpc/reflection/v1/reflection.rpc.js';
import { ServerReflection as ServerReflectionAlpha } from '../../gen/grpc/reflection/v1alpha/reflection.rpc.js';
import { Inbox } from '../call/inbox.js';
import { isRpcError, RpcError } from '../call/rpc-error.js';
import type { ClientOptions } from '../client/create-client.js';
import { createClient } from '../client/create-client.js';
import type { StreamCall } from '../client/types.js';

/** For a whole conversation, where the caller says nothing. */
const usualTimeout = '30s';

type Question = NonNullable<ServerReflectionRequest['messageRequest']>;
type Answer = NonNullable<ServerReflectionResponse['messageResponse']>;

/** The names of all services. */
export async function listServices(address: string, options: ClientOptions): Promise<string[]> {
  return ask(address, options, async (question) => {
    const answer = await question({ $case: 'listServices', value: '' });
    if (answer.$case !== 'listServicesResponse') throw unexpected(answer);
    return answer.value.service.map((one) => one.name).sort();
  });
}

/** The file that defines `symbol` and all that it imports, dependencies first. */
export async function describeSymbol(
  address: string,
  symbol: string,
  options: ClientOptions,
): Promise<FileDescriptorProto[]> {
  return ask(address, options, async (question) => {
    const files = new Map<string, FileDescriptorProto>();
    const take = (answer: Answer): void => {
      if (answer.$case !== 'fileDescriptorResponse') throw unexpected(answer);
      for (const bytes of answer.value.fileDescriptorProto) {
        const file = fromBinary(FileDescriptorProtoSchema, bytes);
        files.set(file.name, file);
      }
    };
    take(await question({ $case: 'fileContainingSymbol', value: symbol }));
    // A server may answer with the one file alone; the rest is asked for by name.
    for (const file of files.values()) {
      for (const name of file.dependency) {
        if (!files.has(name)) take(await question({ $case: 'fileByFilename', value: name }));
      }
    }
    return dependenciesFirst(files);
  });
}

async function ask<T>(
  address: string,
  options: ClientOptions,
  talk: (question: (question: Question) => Promise<Answer>) => Promise<T>,
): Promise<T> {
  try {
    return await converse(ServerReflection, address, options, talk);
  } catch (error) {
    if (!isRpcError(error) || error.code !== 'UNIMPLEMENTED') throw error;
  }
  try {
    return await converse(ServerReflectionAlpha as unknown as typeof ServerReflection, address, options, talk);
  } catch (error) {
    if (!isRpcError(error) || error.code !== 'UNIMPLEMENTED') throw error;
    throw new RpcError(
      'UNIMPLEMENTED',
      `the server at ${address} has no reflection; name the folder of its .proto files with --proto`,
    );
  }
}

/** One reflection stream; a question is sent when the one before it is answered. */
async function converse<T>(
  service: typeof ServerReflection,
  address: string,
  options: ClientOptions,
  talk: (question: (question: Question) => Promise<Answer>) => Promise<T>,
): Promise<T> {
  const client = createClient(service, address, options);
  const questions = new Inbox<ServerReflectionRequest>();
  const answers: StreamCall<ServerReflectionResponse> = client.serverReflectionInfo(questions, {
    timeout: options.timeout ?? usualTimeout,
  });
  try {
    return await talk(async (question) => {
      questions.push({ host: '', messageRequest: question });
      const { value, done } = await answers.next();
      if (done === true || value.messageResponse === undefined) {
        throw new RpcError('INTERNAL', `the reflection of ${address} ended without an answer`);
      }
      return value.messageResponse;
    });
  } finally {
    questions.end();
    await answers.return();
    await client.$close();
  }
}

function unexpected(answer: Answer): RpcError {
  if (answer.$case === 'errorResponse') {
    return new RpcError('NOT_FOUND', `reflection: ${answer.value.errorMessage}`);
  }
  return new RpcError('INTERNAL', `reflection answered with ${answer.$case}, which was not asked for`);
}

function dependenciesFirst(files: ReadonlyMap<string, FileDescriptorProto>): FileDescriptorProto[] {
  const ordered: FileDescriptorProto[] = [];
  const seen = new Set<string>();
  const visit = (name: string): void => {
    const file = files.get(name);
    if (file === undefined || seen.has(name)) return;
    seen.add(name);
    for (const dependency of file.dependency) visit(dependency);
    ordered.push(file);
  };
  for (const name of files.keys()) visit(name);
  return ordered;
}
