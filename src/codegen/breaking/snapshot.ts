/**
 * A release's schema, written down: what `hawser breaking` compares a working tree with where the sources of the
 * release are not at hand. Text in a fixed order, so that a review sees what a change of the IDL changes in it.
 */
import { readFile, stat } from 'node:fs/promises';
import type { Place, Schema } from './schema.js';

const kind = 'hawser-schema';
const format = 1;
const maxBytes = 256 * 1024 * 1024;
/** How deep the values in a snapshot may nest: a type within a type within a type. */
const maxDepth = 200;

/** The file cannot be read as a snapshot: a sentence for the user. */
export class SnapshotError extends Error {}

export function printSnapshot(schema: Schema): string {
  const sorted = {
    files: sortBy(schema.files, (one) => `${one.idl} ${one.name}`),
    types: sortBy(schema.types, (one) => `${one.idl} ${one.name}`),
    services: sortBy(schema.services, (one) => `${one.idl} ${one.name}`),
    extensions: sortBy(schema.extensions, (one) => `${one.extendee} ${one.field.id}`),
  };
  // Source lines are for people at a terminal, and would make a comment a change.
  const plain = (key: string, value: unknown): unknown => (key === 'sourceLine' ? undefined : value);
  return `${JSON.stringify({ kind, format, ...sorted }, plain, 1)}\n`;
}

/** Throws a SnapshotError for a file that is no snapshot, or one of a later format. */
export async function readSnapshot(path: string): Promise<Schema> {
  const { size } = await stat(path);
  if (size > maxBytes) throw new SnapshotError(`${path} has ${size} bytes; a snapshot may have ${maxBytes}.`);
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new SnapshotError(`${path} is not JSON: ${error instanceof Error ? error.message : String(error)}.`);
  }
  if (!isRecord(value) || value.kind !== kind) {
    throw new SnapshotError(`${path} is no snapshot; hawser generate --snapshot FILE writes one.`);
  }
  if (value.format !== format) {
    throw new SnapshotError(
      `${path} is a snapshot of format ${String(value.format)}, and this Hawser reads format ${format}; write it again, or update Hawser.`,
    );
  }
  const schema = Object.fromEntries(['files', 'types', 'services', 'extensions'].map((key) => [key, value[key]]));
  const wrong = check(schema, schemaShape, '', 0);
  if (wrong !== undefined) throw new SnapshotError(`${path} is damaged: ${wrong}; write the snapshot again.`);
  return schema as unknown as Schema;
}

function sortBy<T>(items: readonly T[], key: (item: T) => string): T[] {
  return [...items].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a value must be: a type's name, a list of a shape, a record of shapes (`?` where it may be absent), or a choice. */
type Shape =
  | 'string'
  | 'number'
  | 'boolean'
  | 'object'
  | readonly [Shape]
  | { readonly [key: string]: Shape }
  | (() => Shape)
  | Choice;

class Choice {
  constructor(
    readonly key: string,
    readonly shapes: Readonly<Record<string, Shape>>,
    /** For a value that is a list rather than a record. */
    readonly list?: Shape,
  ) {}
}

const place: Shape = { file: 'string', line: 'number', column: 'number', 'length?': 'number' } satisfies Record<
  Exclude<keyof Place, 'sourceLine' | 'length'> | 'length?',
  Shape
>;
const typeRef: () => Shape = () =>
  new Choice('kind', {
    scalar: { name: 'string' },
    enum: { name: 'string' },
    struct: { name: 'string' },
    list: { element: typeRef },
    set: { element: typeRef },
    map: { key: typeRef, value: typeRef },
  });
const field: Shape = {
  id: 'number',
  name: 'string',
  'jsonName?': 'string',
  type: typeRef,
  presence: 'string',
  'default?': 'string',
  'oneof?': 'string',
  traits: ['string'],
  'feature?': 'string',
  place,
};
const type: Shape = new Choice('kind', {
  struct: {
    form: 'string',
    idl: 'string',
    name: 'string',
    file: 'string',
    fields: [field],
    reserved: [['number']],
    reservedNames: ['string'],
    extensionRanges: [['number']],
    place,
  },
  enum: {
    idl: 'string',
    name: 'string',
    file: 'string',
    closed: 'boolean',
    values: [{ name: 'string', number: 'number', place }],
    reserved: [['number']],
    reservedNames: ['string'],
    place,
  },
});
const method: Shape = {
  name: 'string',
  kind: 'string',
  request: new Choice('kind', { struct: { name: 'string' } }, [field]),
  'response?': typeRef,
  errors: [{ id: 'number', name: 'string', type: 'string', place }],
  policy: 'object',
  place,
};
const schemaShape: Shape = {
  files: [{ idl: 'string', name: 'string', package: 'string', syntax: 'string', options: 'object', place }],
  types: [type],
  services: [
    {
      idl: 'string',
      name: 'string',
      file: 'string',
      'version?': 'string',
      policy: 'object',
      methods: [method],
      'base?': 'string',
      place,
    },
  ],
  extensions: [{ name: 'string', extendee: 'string', file: 'string', field }],
};

/** What is wrong with a value, as half a sentence; undefined when nothing is. */
function check(value: unknown, shape: Shape, path: string, depth: number): string | undefined {
  if (depth > maxDepth) return `${path.slice(0, 60)}... nests deeper than ${maxDepth}`;
  if (typeof shape === 'function') return check(value, shape(), path, depth);
  if (typeof shape === 'string') {
    const fits = shape === 'object' ? isRecord(value) : typeof value === shape;
    return fits ? undefined : `${path} is no ${shape}`;
  }
  if (isList(shape)) return checkList(value, shape[0], path, depth);
  if (shape instanceof Choice) return checkChoice(value, shape, path, depth);
  if (!isRecord(value)) return `${path} is no object`;
  for (const [key, inner] of Object.entries(shape)) {
    const name = key.replace(/\?$/, '');
    if (value[name] === undefined && key !== name) continue;
    const wrong = check(value[name], inner, `${path}.${name}`, depth + 1);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function checkList(value: unknown, shape: Shape, path: string, depth: number): string | undefined {
  if (!Array.isArray(value)) return `${path} is no list`;
  for (const [index, item] of value.entries()) {
    const wrong = check(item, shape, `${path}[${index}]`, depth + 1);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function checkChoice(value: unknown, { key, shapes, list }: Choice, path: string, depth: number): string | undefined {
  if (list !== undefined && Array.isArray(value)) return check(value, list, path, depth);
  const which = isRecord(value) ? value[key] : undefined;
  if (typeof which !== 'string' || !Object.hasOwn(shapes, which)) {
    return `${path}.${key} is none of ${Object.keys(shapes).join(', ')}`;
  }
  return check(value, shapes[which] as Shape, path, depth);
}

function isList(shape: Exclude<Shape, string | (() => Shape)>): shape is readonly [Shape] {
  return Array.isArray(shape);
}
