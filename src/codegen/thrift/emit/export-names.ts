/**
 * What each file's module exports, decided for all files before any is printed, because files name
 * each other's exports. Types and services keep the IDL's names; what we make up (arguments,
 * results) and constants, which may share a name with a type, give way with a trailing `_`.
 */
import { camelCase, declarationName, localNames, memberName, methodCase, pascalCase, Scope } from '../../names.js';
import {
  allFunctions,
  type ConstDefinition,
  type Field,
  type Program,
  type ServiceDefinition,
  type ServiceFunction,
  type StructDefinition,
  type TypeDefinition,
  trueType,
} from '../program.js';

export interface FunctionNames {
  readonly args: string;
  readonly result: string;
}

export interface ModuleNames {
  readonly taken: ReadonlySet<string>;
  readonly definitions: ReadonlyMap<TypeDefinition | ServiceDefinition | ConstDefinition, string>;
  /** The type of what an exception's constructor takes. */
  readonly inits: ReadonlyMap<StructDefinition, string>;
  readonly functions: ReadonlyMap<ServiceFunction, FunctionNames>;
}

export function exportNames(program: Program): ModuleNames {
  const scope = new Scope();
  const taken = new Set<string>();
  const declare = (name: string): string => {
    const unique = scope.declare(declarationName(name));
    taken.add(unique);
    return unique;
  };
  const definitions = new Map<TypeDefinition | ServiceDefinition | ConstDefinition, string>();
  const inits = new Map<StructDefinition, string>();
  const functions = new Map<ServiceFunction, FunctionNames>();
  for (const each of program.definitions) if (each.kind !== 'const') definitions.set(each, declare(each.name));
  for (const each of program.definitions) if (each.kind === 'const') definitions.set(each, declare(each.name));
  for (const each of program.definitions) {
    if (each.kind === 'exception') inits.set(each, declare(`${each.name}Init`));
    if (each.kind !== 'service') continue;
    for (const one of each.functions) {
      const base = `${each.name}${pascalCase(one.name)}`;
      functions.set(one, { args: declare(`${base}Args`), result: declare(`${base}Result`) });
    }
  }
  return { taken, definitions, inits, functions };
}

const fieldNames = new WeakMap<readonly Field[], ReadonlyMap<Field, string>>();

/** The TypeScript names of a struct's fields, or of a function's arguments. */
export function namesOfFields(fields: readonly Field[], form: StructDefinition['kind']): ReadonlyMap<Field, string> {
  let names = fieldNames.get(fields);
  if (names === undefined) {
    const hasMessage = fields.some((field) => camelCase(field.name) === 'message' && isString(field));
    const harmless = form === 'exception' ? (name: string) => errorMember(name, hasMessage) : memberName;
    const local = localNames(
      fields.map(({ name }) => name),
      camelCase,
      harmless,
    );
    names = new Map(fields.map((field, index) => [field, local[index] ?? field.name]));
    fieldNames.set(fields, names);
  }
  return names;
}

/** Errors have members of their own. */
function errorMember(name: string, messageIsString: boolean): string {
  if (name === 'name' || name === 'stack' || name === 'cause' || (name === 'message' && !messageIsString)) {
    return `${name}_`;
  }
  return memberName(name);
}

export function isString(field: Field): boolean {
  const type = trueType(field.type);
  return type.kind === 'base' && type.base === 'string';
}

/** The TypeScript names of all functions of a service, inherited ones included. */
export function namesOfMethods(service: ServiceDefinition): ReadonlyMap<ServiceFunction, string> {
  const functions = allFunctions(service).map((each) => each.function);
  const local = localNames(
    functions.map(({ name }) => name),
    methodCase,
  );
  return new Map(functions.map((each, index) => [each, local[index] ?? each.name]));
}
