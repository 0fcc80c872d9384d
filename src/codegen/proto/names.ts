/**
 * The TypeScript names of messages and enums: the IDL's own, with those that they are nested in before them (`Trade.Leg` ->
 * `Trade_Leg`). A name that would clash in the generated module, with a word of the language, with what the module itself uses or
 * with another type of the file, gets a `_`.
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
  'any arguments as async await boolean break case catch class const continue debugger default delete do else enum eval export extends false finally for function if implements import in instanceof interface let never new null number object package private protected public return static string super switch symbol this throw true try type typeof undefined unknown var void while with yield bigint infer keyof readonly unique asserts abstract accessor declare is module namespace of out override satisfies using intrinsic global globalThis require NaN Infinity';

/** What ts-proto's text and the emitted code name, and names that ts-proto changes by itself. */
const used = 'Array BigInt Boolean Date Function Map Math Number String Uint8Array';

/** Parameters and variables of the emitted functions: a type of that name would be hidden by them. */
const locals = 'm r t v w';

const reserved: ReadonlySet<string> = new Set(`${words} ${used} ${locals}`.split(' '));

export function typeNames(files: readonly FileDescriptorProto[]): Map<string, TypeName> {
  const names = new Map<string, TypeName>();
  for (const file of files) nameTypes(file, names);
  return names;
}

function nameTypes(file: FileDescriptorProto, names: Map<string, TypeName>): void {
  const taken = new Set<string>();

  const choose = (plain: string, prefix: string, fullName: string): string => {
    let simple = plain;
    while (reserved.has(prefix + simple) || taken.has(prefix + simple)) simple += '_';
    const local = prefix + simple;
    taken.add(local);
    names.set(fullName, { file: file.name, local, simple });
    return local;
  };

  const visit = (
    messages: readonly DescriptorProto[],
    enums: readonly EnumDescriptorProto[],
    prefix: string,
    scope: string,
  ): void => {
    // What is nested less deeply keeps its name where two would be one.
    const locals = messages.map((one) => choose(one.name, prefix, scope + one.name));
    for (const one of enums) choose(one.name, prefix, scope + one.name);
    for (const [index, one] of messages.entries())
      visit(one.nestedType, one.enumType, `${locals[index]}_`, `${scope}${one.name}.`);
  };
  visit(file.messageType, file.enumType, '', file.package === '' ? '' : `${file.package}.`);
}

/** Members that every object has from Object.prototype: a property of another type cannot take their name. */
const inherited = new Set([...Object.getOwnPropertyNames(Object.prototype), 'constructor']);

/**
 * What the fields and oneofs of a message are called in TypeScript, each a property of its own. Two that would be one property, or
 * one of Object's, get a `_`. protoc refuses most such pairs itself, for their JSON names; not a oneof and a field, and not all in
 * proto2.
 */
export function memberNames(message: DescriptorProto): { readonly fields: string[]; readonly oneofs: string[] } {
  const taken = new Set<string>();
  const free = (name: string): string => {
    const camel = camelCase(name);
    let chosen = /^[A-Za-z]/.test(camel) ? camel : `_${camel}`;
    while (inherited.has(chosen) || taken.has(chosen)) chosen += '_';
    taken.add(chosen);
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

/**
 * What the values of an enum are called in TypeScript: they lose the enum's name as their prefix. Where two would then be one, or
 * one would be no name, all keep it. A name that no type can have gets a `_`.
 */
export function valueNames(type: EnumDescriptorProto): string[] {
  const prefix = `${screamingCase(type.name)}_`;
  const short = type.value.map(({ name }) => (name.startsWith(prefix) ? name.slice(prefix.length) : name));
  const keep = new Set(short).size < short.length || short.some((one) => /^(?:\d|$)/.test(one));
  return type.value.map(({ name }, index) => {
    const chosen = (keep ? name : short[index]) ?? name;
    return reserved.has(chosen) || chosen === '__proto__' ? `${chosen}_` : chosen;
  });
}

/** `FooBar` -> `FOO_BAR`. */
function screamingCase(name: string): string {
  return name
    .replace(/[a-z0-9]([A-Z])/g, (pair) => `${pair.charAt(0)}_${pair.charAt(1)}`)
    .replace(/[A-Z]([A-Z][a-z])/g, (word) => `${word.charAt(0)}_${word.slice(1)}`)
    .toUpperCase();
}
