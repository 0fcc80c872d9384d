/**
 * The TypeScript names of messages and enums. They are ts-proto's own (`Trade.Leg` -> `Trade_Leg`, snake
 * case to camel case), but where such a name would clash in the generated module: with a word of the
 * language, with what the module itself uses, or with another type of the file. Such a type gets a suffix.
 * So the descriptors that ts-proto is given may be renamed before, and every valid tree compiles.
 */

import type { DescriptorProto, EnumDescriptorProto, FileDescriptorProto } from '@bufbuild/protobuf/wkt';
import { camelCase } from '../names.js';

export interface TypeName {
  /** Import name of the file that declares it. */
  readonly file: string;
  /** In TypeScript. */
  readonly local: string;
  /** What its descriptor is to be called so that ts-proto arrives at `local`. */
  readonly simple: string;
}

/** By full name in the IDL, without a leading dot. */
export type TypeNames = ReadonlyMap<string, TypeName>;

/** Words that cannot name a constant or a type in a module. */
const words =
  'any arguments as async await boolean break case catch class const continue debugger default delete do else enum eval export extends false finally for function if implements import in instanceof interface let never new null number object package private protected public return static string super switch symbol this throw true try typeof undefined unknown var void while with yield bigint infer keyof readonly unique asserts abstract accessor declare is module namespace of out override satisfies type using intrinsic global require';

/** What ts-proto's modules declare, import, or use without `globalThis.`. */
const used =
  'Array BigInt Boolean Math Number String BinaryReader BinaryWriter Builtin DeepPartial Exact KeysOfUnion Map MessageFns NaN Infinity Partial Uint8Array Date Function ' +
  'StructWrapperFns AnyValueWrapperFns ListValueWrapperFns FieldMaskWrapperFns base64FromBytes bytesFromBase64 ' +
  'fromJsonTimestamp fromTimestamp toTimestamp numberToLong longToNumber isObject isSet assertAny globalThis parseInt Buffer';

/** Parameters and variables of the generated functions: a type of that name would be hidden by them. */
const locals =
  'acc base buf e end end2 entry error globalThis input item key length message name obj object paths prev previousRecursionDepth reader result ' +
  'seconds nanos millis struct tag test v val value values writer array m n i t arr bin';

/**
 * Stands for a trailing `_`, which ts-proto would drop when it makes camel case; `settleNames` puts the
 * `_` in its place. Letters and digits only: ts-proto reads names out of text.
 */
export const suffix = 'ZZu5fZZ';

const nameStart = 'ZZu0aZZ';
const nameMiddle = 'ZZu0bZZ';
const nameEnd = 'ZZu0cZZ';

/** The name of an enum's value: in a string, which is ProtoJSON, `json`, and `local` in TypeScript. */
export function valueName(json: string, local: string): string {
  return nameStart + json + nameMiddle + local + nameEnd;
}

const valueNames = new RegExp(`("?)\\b\\w*?${nameStart}(\\w+?)${nameMiddle}(\\w+?)${nameEnd}`, 'g');

/** Puts what they stand for in the place of `suffix` and of what `valueName` made. */
export function settleNames(text: string): string {
  return text
    .replace(valueNames, (_, quote: string, json: string, local: string) => (quote === '' ? local : quote + json))
    .replaceAll(suffix, '_');
}

const reserved: ReadonlySet<string> = new Set(`${words} ${used} ${locals}`.split(' '));

export function typeNames(files: readonly FileDescriptorProto[]): Map<string, TypeName> {
  const names = new Map<string, TypeName>();
  for (const file of files) nameTypes(file, names);
  return names;
}

function nameTypes(file: FileDescriptorProto, names: Map<string, TypeName>): void {
  // ts-proto refers to Google's Timestamp by this name wherever it is used, whatever the file declares.
  const taken = new Set(file.name === timestampFile || !usesTimestamp(file.messageType) ? [] : ['Timestamp']);

  const choose = (plain: string, prefix: string, kind: 'Message' | 'Enum'): { simple: string; local: string } => {
    for (let attempt = 0; ; attempt += 1) {
      const simple = variation(plain, attempt);
      const local = (prefix + camelCase(simple)).replaceAll(suffix, '_');
      const all = declaredBy(local, kind);
      if (!reserved.has(local) && all.every((one) => !taken.has(one))) {
        for (const one of all) taken.add(one);
        return { simple, local };
      }
    }
  };

  const visit = (
    messages: readonly DescriptorProto[],
    enums: readonly EnumDescriptorProto[],
    prefix: string,
    scope: string,
  ): void => {
    for (const one of enums) {
      const { simple, local } = choose(one.name, prefix, 'Enum');
      names.set(scope + one.name, { file: file.name, local, simple });
    }
    for (const one of messages) {
      const { simple, local } = choose(one.name, prefix, 'Message');
      names.set(scope + one.name, { file: file.name, local, simple });
      visit(one.nestedType, one.enumType, `${local}_`, `${scope}${one.name}.`);
    }
  };
  visit(file.messageType, file.enumType, '', file.package === '' ? '' : `${file.package}.`);
}

const timestampFile = 'google/protobuf/timestamp.proto';

function usesTimestamp(messages: readonly DescriptorProto[]): boolean {
  return messages.some(
    (one) =>
      one.field.some((field) => field.typeName === '.google.protobuf.Timestamp') || usesTimestamp(one.nestedType),
  );
}

/** The name, and what is tried when it is taken; `_1` would begin with a digit in camel case. */
function variation(name: string, attempt: number): string {
  const camel = camelCase(name);
  if (/^[A-Za-z]/.test(camel)) return attempt === 0 ? name : camel + suffix.repeat(attempt);
  return suffix + camel + suffix.repeat(attempt);
}

/** Everything a type declares in its module. */
function declaredBy(local: string, kind: 'Message' | 'Enum'): string[] {
  if (kind === 'Message') return [local, `createBase${local}`];
  const lower = local.charAt(0).toLowerCase() + local.slice(1);
  return [local, `${lower}FromJSON`, `${lower}ToJSON`];
}

/** Members that every object has from Object.prototype: a property of another type cannot take their name. */
const inherited = new Set([...Object.getOwnPropertyNames(Object.prototype), 'constructor']);

/**
 * What the fields and oneofs of a message are to be called so that each is a property of its own. Two that
 * would be one property, or one of Object's, get a `_`. protoc refuses most such pairs itself, for their JSON
 * names; not a oneof and a field, and not all in proto2.
 */
export function memberNames(message: DescriptorProto): { readonly fields: string[]; readonly oneofs: string[] } {
  const taken = new Set<string>();
  const free = (name: string): string => {
    let chosen = name;
    const unfit = (camel: string): boolean => camel === '' || inherited.has(camel) || taken.has(camel);
    while (unfit(camelCase(chosen))) chosen = camelCase(chosen) + suffix;
    taken.add(camelCase(chosen));
    return chosen;
  };
  // The fields first: they keep their names where only a oneof is in the way.
  const fields = message.field.map((field) => free(field.name));
  const oneofs = message.oneofDecl.map((oneof, index) => {
    const synthetic = message.field.some((field) => field.oneofIndex === index && field.proto3Optional);
    return synthetic ? oneof.name : free(oneof.name);
  });
  return { fields, oneofs };
}
