/** parley.thrift, described by hand: what generated code would say, over the dynamic codecs. */
import {
  DeclaredError,
  defineService,
  dynamicError,
  dynamicResult,
  dynamicStruct,
  type FieldInfo,
  type MethodError,
  oneway,
  type TypeInfo,
  unary,
} from 'hawser/thrift';

type Kind = 'string' | 'i32' | 'binary';

function fields(entries: Readonly<Record<string, Kind>>): FieldInfo[] {
  return Object.entries(entries).map(([name, kind], i) => ({
    id: i + 1,
    name,
    localName: name,
    type: { kind },
    requiredness: 'default',
  }));
}

function method(
  service: string,
  name: string,
  args: Readonly<Record<string, Kind>>,
  result: Kind | undefined,
  errors: readonly MethodError[] = [],
) {
  const type: TypeInfo | undefined = result === undefined ? undefined : { kind: result };
  return {
    name,
    request: dynamicStruct(`${service}.${name}_args`, 'struct', fields(args)),
    response: dynamicResult(type, errors),
    errors,
  };
}

export const Refused = dynamicError(
  dynamicStruct('parley.Refused', 'exception', fields({ why: 'string', code: 'i32' })),
);

/** What a handler throws. */
export class Refusal extends DeclaredError {
  constructor(
    readonly why: string,
    readonly code: number,
  ) {
    super('parley.Refused', why);
  }
}

export const Parley = defineService({
  name: 'parley.Parley',
  idl: 'thrift',
  fingerprint: '',
  methods: {
    ping: unary(method('Parley', 'ping', {}, undefined)),
    echo: unary(method('Parley', 'echo', { text: 'string' }, 'string')),
    add: unary(method('Parley', 'add', { a: 'i32', b: 'i32' }, 'i32')),
    blob: unary(method('Parley', 'blob', { size: 'i32' }, 'binary')),
    slow: unary(method('Parley', 'slow', { text: 'string' }, 'string')),
    refuse: unary(method('Parley', 'refuse', { why: 'string' }, 'string', [{ id: 1, type: Refused }])),
    fail: unary(method('Parley', 'fail', { message: 'string' }, 'string')),
    header: unary(method('Parley', 'header', { name: 'string' }, 'string')),
    note: oneway(method('Parley', 'note', { text: 'string' }, undefined) as never),
  },
});

export const Harbour = defineService({
  name: 'parley.Harbour',
  idl: 'thrift',
  fingerprint: '',
  methods: {
    echo: unary(method('Harbour', 'echo', { text: 'string' }, 'string')),
    berth: unary(method('Harbour', 'berth', { number: 'i32' }, 'string')),
  },
});
