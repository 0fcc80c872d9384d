/** The service of these tests, described instead of generated. */
import {
  type Codec,
  DeclaredError,
  defineService,
  dynamicResult,
  dynamicStruct,
  type FieldInfo,
  oneway,
  type StructCodec,
  unary,
} from 'hawser/thrift';

const string = { kind: 'string' } as const;
const field = (id: number, name: string, type: FieldInfo['type'] = string): FieldInfo => ({
  id,
  name,
  localName: name,
  type,
  requiredness: 'default',
});

export class BadFish extends DeclaredError {
  static readonly typeName = 'sales.BadFish';
  static readonly codec: StructCodec<BadFish> = (() => {
    const fields = dynamicStruct('sales.BadFish', 'exception', [field(1, 'fish')]);
    return {
      ...fields,
      fields: fields.fields,
      create: (init?: { fish?: string }) => new BadFish(init?.fish ?? ''),
      read: (reader: Parameters<typeof fields.read>[0]) => new BadFish(String(fields.read(reader).fish)),
      decode: (bytes: Uint8Array, encoding: 'binary' | 'compact') =>
        new BadFish(String(fields.decode(bytes, encoding).fish)),
    } as unknown as StructCodec<BadFish>;
  })();

  readonly fish: string;

  constructor(fish: string) {
    super(BadFish.typeName, `there is no ${fish}`);
    this.fish = fish;
  }
}

/** Values that the package's own protocols would lose on the way. */
export interface Delicate {
  zero: number;
  big: bigint;
  keys: Map<boolean, bigint>;
}

const delicate = dynamicStruct('sales.Delicate', 'struct', [
  field(1, 'zero', { kind: 'double' }),
  field(2, 'big', { kind: 'i64' }),
  field(3, 'keys', { kind: 'map', key: { kind: 'bool' }, value: { kind: 'i64' } }),
]);

const args = (name: string, ...fields: FieldInfo[]) => dynamicStruct(`sales.Sales.${name}.args`, 'struct', fields);
const errors = [{ id: 1, type: BadFish }];

export const Sales = defineService({
  name: 'sales.Sales',
  idl: 'thrift',
  fingerprint: '0',
  methods: {
    getSale: unary<{ fish: string }, string>({
      name: 'getSale',
      request: args('getSale', field(1, 'fish')) as unknown as Codec<{ fish: string }>,
      response: dynamicResult(string, errors) as Codec<string>,
      errors,
    }),
    weigh: unary<{ delicate: Delicate }, Delicate>({
      name: 'weigh',
      request: args('weigh', field(1, 'delicate', { kind: 'struct', codec: () => delicate })) as unknown as Codec<{
        delicate: Delicate;
      }>,
      response: dynamicResult({ kind: 'struct', codec: () => delicate }) as Codec<Delicate>,
    }),
    note: oneway<{ text: string }>({
      name: 'note',
      request: args('note', field(1, 'text')) as unknown as Codec<{ text: string }>,
      response: dynamicResult(undefined) as Codec<void>,
    }),
  },
});
