/** Everything that differs between two versions of an API, in both IDLs by one set of rules. */
import { type Change, Changes, keyOf } from './change.js';
import { compareEnums } from './compare-enums.js';
import { compareFields, inRanges } from './compare-fields.js';
import { compareServices } from './compare-services.js';
import type { TypeContext } from './compare-types.js';
import { ownApi } from './foreign.js';
import { Reach } from './reach.js';
import type { FileDecl, Idl, Schema, StructDecl, TypeDecl } from './schema.js';

/** In the order of the files and places of the new version; what is gone stands where it was. */
export function compareSchemas(before: Schema, after: Schema): readonly Change[] {
  return new Comparison(ownApi(before), ownApi(after)).run();
}

const typeKey = (type: TypeDecl): string => keyOf(type.idl, 'type', type.name);

class Comparison {
  readonly #before: Schema;
  readonly #after: Schema;
  readonly #old: ReadonlyMap<string, TypeDecl>;
  readonly #now: ReadonlyMap<string, TypeDecl>;
  readonly #reach: Reach;
  readonly #changes = new Changes();
  /** Pairs that stand for each other, those of one name first. */
  readonly #pending: (readonly [TypeDecl, TypeDecl, string])[] = [];
  readonly #paired = new Set<string>();
  /** Files whose package has changed: that says all of what is in them. */
  readonly #moved = new Set<string>();

  constructor(before: Schema, after: Schema) {
    this.#before = before;
    this.#after = after;
    this.#old = new Map(before.types.map((type) => [typeKey(type), type]));
    this.#now = new Map(after.types.map((type) => [typeKey(type), type]));
    this.#reach = new Reach(after);
  }

  run(): readonly Change[] {
    this.#files();
    this.#services();
    this.#types();
    for (let next = this.#pending.pop(); next !== undefined; next = this.#pending.pop()) this.#pair(...next);
    this.#extensions();
    return [...this.#changes.all].sort(byPlace);
  }

  #files(): void {
    const now = new Map(this.#after.files.map((file) => [keyOf(file.idl, 'file', file.name), file]));
    for (const file of this.#before.files) {
      const key = keyOf(file.idl, 'file', file.name);
      const next = now.get(key);
      const changes = this.#changes.of(key);
      if (next === undefined) changes.gone('FILE_NO_DELETE', file.name, file.place, `The file ${file.name} is gone.`);
      else this.#file(file, next, key);
    }
  }

  #file(before: FileDecl, after: FileDecl, key: string): void {
    const { name, place } = after;
    const changes = this.#changes.of(key);
    if (before.package !== after.package) {
      this.#moved.add(key);
      changes.add(
        'FILE_SAME_PACKAGE',
        name,
        place,
        `The package of ${name} is ${quoted(after.package)}, and was ${quoted(before.package)}.`,
      );
    }
    if (before.syntax !== after.syntax) {
      changes.add(
        'FILE_SAME_SYNTAX',
        name,
        place,
        `The syntax of ${name} is ${after.syntax}, and was ${before.syntax}.`,
      );
    }
    for (const option of new Set([...Object.keys(before.options), ...Object.keys(after.options)])) {
      const [was, is] = [before.options[option], after.options[option]];
      if (was === is) continue;
      const what = before.idl === 'proto' ? option : `namespace ${option}`;
      changes.add(
        'FILE_SAME_LANGUAGE_OPTION',
        name,
        place,
        `${what} of ${name} is ${quoted(is)}, and was ${quoted(was)}.`,
      );
    }
  }

  #services(): void {
    const now = new Map(this.#after.services.map((one) => [keyOf(one.idl, 'service', one.name), one]));
    const known = new Set<string>();
    for (const service of this.#before.services) {
      const key = keyOf(service.idl, 'service', service.name);
      known.add(key);
      const next = now.get(key);
      const changes = this.#changes.of(key);
      if (next !== undefined) {
        compareServices(service, next, { changes, types: this.#context(service.idl) });
      } else if (!this.#moved.has(keyOf(service.idl, 'file', service.file))) {
        changes.gone('SERVICE_NO_DELETE', service.name, service.place, `The service ${service.name} is gone.`);
      }
    }
    for (const [key, service] of now) {
      if (known.has(key)) continue;
      this.#changes.of(key).add('SERVICE_ADDED', service.name, service.place, `The service ${service.name} is new.`);
    }
  }

  #types(): void {
    const inputs = new Set(this.#before.files.map((file) => keyOf(file.idl, 'file', file.name)));
    for (const [key, type] of this.#old) {
      const next = this.#now.get(key);
      if (next !== undefined) this.#enqueue(type, next, key);
      else if (inputs.has(keyOf(type.idl, 'file', type.file)) && !this.#moved.has(keyOf(type.idl, 'file', type.file))) {
        const rule = type.kind === 'enum' ? 'ENUM_NO_DELETE' : 'MESSAGE_NO_DELETE';
        this.#changes.of(key).gone(rule, type.name, type.place, `The ${word(type)} ${type.name} is gone.`);
      }
    }
    for (const [key, type] of this.#now) {
      if (this.#old.has(key)) continue;
      this.#changes.of(key).add('TYPE_ADDED', type.name, type.place, `The ${word(type)} ${type.name} is new.`);
    }
  }

  /**
   * `owner` is what names the pair: of one name, the type itself; of two, the service or the type that names another
   * now. Others that name either are not concerned.
   */
  #enqueue(before: TypeDecl, after: TypeDecl, owner: string): void {
    const key = `${typeKey(before)} ${typeKey(after)} ${owner}`;
    if (this.#paired.has(key)) return;
    this.#paired.add(key);
    this.#pending.push([before, after, owner]);
  }

  #pair(before: TypeDecl, after: TypeDecl, owner: string): void {
    const key = typeKey(after);
    const changes = this.#changes.of(owner);
    const { name, place } = after;
    if (before.file !== after.file && before.name === after.name) {
      changes.add(
        'MESSAGE_MOVED',
        name,
        place,
        `The ${word(after)} ${name} is in ${after.file}, and was in ${before.file}.`,
      );
    }
    if (before.kind === 'enum' && after.kind === 'enum')
      compareEnums(before, after, this.#reach.isAnswered(key), changes);
    else if (before.kind === 'struct' && after.kind === 'struct') this.#structs(before, after, key, owner);
    else {
      changes.add('FIELD_WIRE_COMPATIBLE_TYPE', name, place, `${name} is ${word(after)}, and was ${word(before)}.`);
      return;
    }
    if (before.name === after.name) this.#reserved(before, after);
  }

  #structs(before: StructDecl, after: StructDecl, key: string, owner: string): void {
    const { name, place } = after;
    const { name: oldName } = before;
    const changes = this.#changes.of(owner);
    if (before.form !== after.form) {
      changes.add('STRUCT_SAME_FORM', name, place, `${name} is ${word(after)}, and was ${word(before)}.`);
    }
    const answered = this.#reach.isAnswered(key);
    compareFields(before, after, { ...this.#context(after.idl), changes, name, oldName, answered });
    for (const [first, last] of before.extensionRanges) {
      if (!after.extensionRanges.some(([from, to]) => from <= first && to >= last)) {
        changes.add(
          'EXTENSION_RANGE_NO_DELETE',
          name,
          place,
          `${name} no longer takes the extensions ${first} to ${last}.`,
        );
      }
    }
  }

  #reserved(before: TypeDecl, after: TypeDecl): void {
    const rule = before.kind === 'enum' ? 'RESERVED_ENUM_NO_DELETE' : 'RESERVED_MESSAGE_NO_DELETE';
    const { name, place } = after;
    for (const [first, last] of before.reserved) {
      if (after.reserved.some(([from, to]) => from <= first && to >= last)) continue;
      if (covered(first, last, after)) continue;
      const range = first === last ? `${first}` : `${first} to ${last}`;
      this.#changes.add(rule, name, place, `${name} no longer reserves ${range}.`);
    }
    for (const one of before.reservedNames) {
      if (!after.reservedNames.includes(one)) {
        this.#changes.add(rule, name, place, `${name} no longer reserves the name "${one}".`);
      }
    }
  }

  #extensions(): void {
    const id = ({ extendee, field }: Schema['extensions'][number]): string => `${extendee} ${field.id}`;
    const now = new Map(this.#after.extensions.map((one) => [id(one), one]));
    const wrap = (field: StructDecl['fields'][number], name: string): Parameters<typeof compareFields>[0] => ({
      fields: [{ ...field, name }],
      reserved: [],
      reservedNames: [],
      form: 'message',
    });
    for (const one of this.#before.extensions) {
      const next = now.get(id(one));
      const changes = this.#changes.of(keyOf('proto', 'file', one.file));
      if (this.#moved.has(keyOf('proto', 'file', one.file))) continue;
      if (next === undefined) {
        const message = `The extension ${one.name} of ${one.extendee} is gone.`;
        changes.gone('EXTENSION_NO_DELETE', one.name, one.field.place, message);
      } else {
        const context = {
          ...this.#context('proto'),
          changes,
          name: one.extendee,
          oldName: one.extendee,
          answered: false,
        };
        compareFields(wrap(one.field, one.name), wrap(next.field, next.name), context);
      }
    }
  }

  #context(idl: Idl): TypeContext {
    const old = (name: string): TypeDecl | undefined => this.#old.get(keyOf(idl, 'type', name));
    const now = (name: string): TypeDecl | undefined => this.#now.get(keyOf(idl, 'type', name));
    return {
      idl,
      pair: (kind, before, after) => {
        const [was, is] = [old(before), now(after)];
        if (was?.kind === kind && is?.kind === kind) this.#enqueue(was, is, this.#changes.owner);
      },
    };
  }
}

/** Whether ranges that adjoin cover it together. */
function covered(first: number, last: number, { reserved }: TypeDecl): boolean {
  let at = first;
  while (at <= last) {
    if (!inRanges(at, reserved)) return false;
    at = Math.max(...reserved.filter(([from, to]) => from <= at && to >= at).map(([, to]) => to)) + 1;
  }
  return true;
}

function word(type: TypeDecl): string {
  return type.kind === 'enum' ? 'enum' : type.form;
}

function quoted(text: string | undefined): string {
  return text === undefined || text === '' ? 'not set' : `"${text}"`;
}

function byPlace(a: Change, b: Change): number {
  if (a.place.file !== b.place.file) return a.place.file < b.place.file ? -1 : 1;
  return a.place.line - b.place.line || a.place.column - b.place.column || (a.rule < b.rule ? -1 : 1);
}
