/** Where the elements of a compiled .proto file stand in its text. */
import type {
  DescEnum,
  DescExtension,
  DescField,
  DescFile,
  DescMessage,
  DescMethod,
  DescService,
} from '@bufbuild/protobuf';
import type { ProtoSource } from '../proto/sources.js';
import type { Place } from './schema.js';

type Element = DescEnum | DescExtension | DescField | DescMessage | DescMethod | DescService;

const nameField = 1;

/** Places in one file. A descriptor without source info gives the file as a whole. */
export class ProtoPlaces {
  readonly #display: string;
  readonly #spans = new Map<string, readonly number[]>();
  readonly #lines: readonly string[];

  constructor(file: DescFile, source: ProtoSource | undefined) {
    this.#display = source?.display ?? `${file.name}.proto`;
    this.#lines = source === undefined ? [] : source.text.split('\n');
    for (const { path, span } of file.proto.sourceCodeInfo?.location ?? []) this.#spans.set(path.join('.'), span);
  }

  get whole(): Place {
    return { file: this.#display, line: 0, column: 0 };
  }

  of(element: Element): Place {
    return this.at(pathOf(element));
  }

  /** The name of what `path` leads to. */
  at(path: readonly number[]): Place {
    const span = this.#spans.get([...path, nameField].join('.')) ?? this.#spans.get(path.join('.'));
    if (span === undefined) return this.whole;
    const [line = 0, column = 0, third = column + 1] = span;
    const sourceLine = this.#lines[line]?.replace(/\r$/, '');
    return {
      file: this.#display,
      line: line + 1,
      column: column + 1,
      length: span.length === 3 ? Math.max(1, third - column) : 1,
      ...(sourceLine === undefined ? {} : { sourceLine }),
    };
  }
}

export function pathOf(element: Element): number[] {
  switch (element.kind) {
    case 'service':
      return [6, element.file.services.indexOf(element)];
    case 'rpc':
      return [...pathOf(element.parent), 2, element.parent.methods.indexOf(element)];
    case 'field':
      return [...pathOf(element.parent), 2, element.parent.fields.indexOf(element)];
    case 'extension':
      return element.parent === undefined
        ? [7, element.file.extensions.indexOf(element)]
        : [...pathOf(element.parent), 6, element.parent.nestedExtensions.indexOf(element)];
    case 'enum':
      return element.parent === undefined
        ? [5, element.file.enums.indexOf(element)]
        : [...pathOf(element.parent), 4, element.parent.nestedEnums.indexOf(element)];
    default:
      return element.parent === undefined
        ? [4, element.file.proto.messageType.indexOf(element.proto)]
        : [...pathOf(element.parent), 3, element.parent.proto.nestedType.indexOf(element.proto)];
  }
}
