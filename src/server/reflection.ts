/**
 * The standard reflection services (grpc.reflection.v1 and v1alpha), as ordinary services on our own
 * pipeline: grpcurl, buf curl and `hawser call` learn from them what a server offers. The two
 * versions differ in nothing but the package, so one handler serves both.
 */
import type {
  ServerReflectionRequest as Request,
  ServerReflectionResponse as Response,
} from '../../gen/grpc/reflection/v1/reflection.js';
import { ServerReflection } from '../../gen/grpc/reflection/v1/reflection.rpc.js';
import { ServerReflection as ServerReflectionAlpha } from '../../gen/grpc/reflection/v1alpha/reflection.rpc.js';
import type { Peer } from '../call/peer.js';
import { type Code, codeNumber } from '../contract/code.js';
import type { ServiceType } from '../contract/service.js';
import type { DescriptorIndex } from './descriptor-index.js';
import type { Handlers } from './handlers.js';
import { OpenStreams, type StreamBounds } from './open-streams.js';

export interface ReflectionServices {
  readonly v1: { readonly service: typeof ServerReflection; readonly handlers: Handlers<typeof ServerReflection> };
  readonly v1alpha: {
    readonly service: typeof ServerReflectionAlpha;
    readonly handlers: Handlers<typeof ServerReflectionAlpha>;
  };
}

/** `services` is asked on the first call, when all have been added; Thrift services are left out. */
export function reflectionServices(services: () => readonly ServiceType[], bounds?: StreamBounds): ReflectionServices {
  const streams = new OpenStreams('streams of reflection', 'TOO_MANY_REFLECTIONS', bounds);
  const listed = (): readonly ServiceType[] => services().filter((service) => service.idl === 'proto');
  let index: Promise<DescriptorIndex> | undefined;
  async function* serverReflectionInfo(
    requests: AsyncIterable<Request>,
    { peer }: { readonly peer: Peer },
  ): AsyncGenerator<Response> {
    const leave = streams.enter(peer.address);
    try {
      // Loaded on the first request: descriptors are large, and most servers never need them.
      index ??= import('./descriptor-index.js').then(({ DescriptorIndex: Index }) => new Index(listed()));
      const known = await index;
      const sent = new Set<string>();
      for await (const request of requests) {
        yield {
          validHost: request.host,
          originalRequest: request,
          messageResponse: answer(request, known, sent, listed),
        };
      }
    } finally {
      leave();
    }
  }
  return {
    v1: { service: ServerReflection, handlers: { serverReflectionInfo } },
    v1alpha: { service: ServerReflectionAlpha, handlers: { serverReflectionInfo } },
  };
}

type Answer = Response['messageResponse'];

function answer(
  { messageRequest: asked }: Request,
  index: DescriptorIndex,
  sent: Set<string>,
  services: () => readonly ServiceType[],
): Answer {
  switch (asked?.$case) {
    case 'fileByFilename':
      return files(index, asked.value, sent, `no file ${asked.value}`);
    case 'fileContainingSymbol':
      return files(index, index.fileOfSymbol(asked.value), sent, `nothing named ${asked.value}`);
    case 'fileContainingExtension': {
      const { containingType, extensionNumber } = asked.value;
      const name = index.fileOfExtension(containingType, extensionNumber);
      return files(index, name, sent, `no extension ${extensionNumber} of ${containingType}`);
    }
    case 'allExtensionNumbersOfType': {
      const numbers = index.extensionsOf(asked.value);
      if (numbers === undefined) return failed('NOT_FOUND', `this server has no message ${asked.value}`);
      return {
        $case: 'allExtensionNumbersResponse',
        value: { baseTypeName: asked.value, extensionNumber: [...numbers] },
      };
    }
    case 'listServices': {
      const names = services().map((service) => service.name);
      return { $case: 'listServicesResponse', value: { service: names.sort().map((name) => ({ name })) } };
    }
    default:
      return failed('INVALID_ARGUMENT', 'the request asks for nothing that this version of reflection knows');
  }
}

function files(index: DescriptorIndex, name: string | undefined, sent: Set<string>, missing: string): Answer {
  const found = name === undefined ? undefined : index.withImports(name, sent);
  if (found === undefined) return failed('NOT_FOUND', `this server has ${missing}`);
  return { $case: 'fileDescriptorResponse', value: { fileDescriptorProto: [...found] } };
}

function failed(code: Code, errorMessage: string): Answer {
  return { $case: 'errorResponse', value: { errorCode: codeNumber(code), errorMessage } };
}
