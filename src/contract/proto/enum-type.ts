/** The table of an enum. */
import type { EnumType } from './message-type.js';

/** `values` in the order of the IDL, without `prefix`. Called by generated code. */
export function enumType(
  name: string,
  values: Readonly<Record<string, number>>,
  prefix = '',
  closed = false,
): EnumType {
  return new EnumTable(name, values, prefix, closed);
}

class EnumTable implements EnumType {
  readonly kind = 'enum';
  #names: ReadonlyMap<number, string> | undefined;
  #numbers: ReadonlyMap<string, number> | undefined;

  constructor(
    readonly name: string,
    private readonly values: Readonly<Record<string, number>>,
    private readonly prefix: string,
    readonly closed: boolean,
  ) {}

  get names(): ReadonlyMap<number, string> {
    if (this.#names === undefined) {
      const names = new Map<number, string>();
      for (const [name, number] of this.numbers) if (!names.has(number)) names.set(number, name);
      this.#names = names;
    }
    return this.#names;
  }

  get numbers(): ReadonlyMap<string, number> {
    this.#numbers ??= new Map(Object.entries(this.values).map(([name, number]) => [this.prefix + name, number]));
    return this.#numbers;
  }
}
