/**
 * The statements that write and read one value: straight-line code for its type, containers as
 * loops in place, structs by their own codec.
 */
import { type TrueType, type Type, trueType } from '../program.js';
import type { Locals, ModuleWriter } from './module.js';
import { indent } from './text.js';
import { codecText, emptyText, isScalar, typeText, wireType } from './types.js';

/** The variables of one `write` or `read`, and what a mismatch in depth is called. */
export interface Frame {
  readonly module: ModuleWriter;
  readonly locals: Locals;
  /** The writer or the reader. */
  readonly port: string;
  /** `"market.v1.Trade", "prices"`: for messages. */
  readonly place: string;
}

/** Statements that write the value of the expression `value`. */
export function writeText(type: Type, value: string, frame: Frame): string {
  const { port, locals } = frame;
  const known = trueType(type);
  switch (known.kind) {
    case 'base':
      return `${port}.${known.base}(${value});`;
    case 'enum':
      return `${port}.i32(${value});`;
    case 'struct':
      return `${codecText(known.definition, frame.module)}.write(${port}, ${value});`;
    case 'list':
    case 'set': {
      const size = known.kind === 'set' && isScalar(known.element) ? 'size' : 'length';
      const item = locals.declare('item');
      return [
        `${port}.${known.kind}(${wireType(known.element)}, ${value}.${size});`,
        block(`for (const ${item} of ${value})`, writeText(known.element, item, frame)),
      ].join('\n');
    }
    case 'map': {
      const size = isScalar(known.key) ? 'size' : 'length';
      const [key, item] = [locals.declare('key'), locals.declare('item')];
      return [
        `${port}.map(${wireType(known.key)}, ${wireType(known.value)}, ${value}.${size});`,
        block(
          `for (const [${key}, ${item}] of ${value})`,
          `${writeText(known.key, key, frame)}\n${writeText(known.value, item, frame)}`,
        ),
      ].join('\n');
    }
  }
}

/** An expression that reads a value which is no container. */
export function readExpression(known: Exclude<TrueType, { kind: 'list' | 'set' | 'map' }>, frame: Frame): string {
  switch (known.kind) {
    case 'base':
      return `${frame.port}.${known.base}()`;
    case 'enum':
      return `${frame.port}.i32()`;
    case 'struct':
      return `${codecText(known.definition, frame.module)}.read(${frame.port})`;
  }
}

export function isContainer(known: TrueType): known is Extract<TrueType, { kind: 'list' | 'set' | 'map' }> {
  return known.kind === 'list' || known.kind === 'set' || known.kind === 'map';
}

/**
 * Statements that read a value and hand it on by `done`. In depth a container of other elements
 * is an error; at the top it has been skipped, and nothing is handed on.
 */
export function readText(type: Type, frame: Frame, done: (value: string) => string, depth = 0): string {
  const known = trueType(type);
  if (!isContainer(known)) return done(readExpression(known, frame));
  const { port, locals, module } = frame;
  const types =
    known.kind === 'map' ? `${wireType(known.key)}, ${wireType(known.value)}` : `${wireType(known.element)}`;
  const size = locals.declare('size');
  const index = locals.declare('i');
  const into = locals.declare(known.kind);
  const body = [
    `const ${into}: ${typeText(known, module)} = ${emptyText(known, module)};`,
    block(`for (let ${index} = 0; ${index} < ${size}; ${index}++)`, readItem(known, into, frame, depth + 1)),
    done(into),
  ].join('\n');
  const open = `const ${size} = ${port}.${known.kind}(${types});`;
  if (depth === 0) return `${open}\n${block(`if (${size} >= 0)`, body)}`;
  return `${open}\nif (${size} < 0) ${module.use('nestedMismatch')}(${frame.place});\n${body}`;
}

function readItem(
  known: Extract<TrueType, { kind: 'list' | 'set' | 'map' }>,
  into: string,
  frame: Frame,
  depth: number,
): string {
  if (known.kind !== 'map') {
    const add = known.kind === 'set' && isScalar(known.element) ? 'add' : 'push';
    return readText(known.element, frame, (item) => `${into}.${add}(${item});`, depth);
  }
  const [key, value] = [trueType(known.key), trueType(known.value)];
  const store = isScalar(known.key)
    ? (k: string, v: string) => `${into}.set(${k}, ${v});`
    : (k: string, v: string) => `${into}.push([${k}, ${v}]);`;
  if (!isContainer(key) && !isContainer(value)) {
    // Arguments are evaluated from left to right: the key is read first.
    return store(readExpression(key, frame), readExpression(value, frame));
  }
  return readText(
    known.key,
    frame,
    (keyText) => {
      const name = isContainer(key) ? keyText : frame.locals.declare('key');
      const keep = name === keyText ? '' : `const ${name} = ${keyText};\n`;
      return `${keep}${readText(known.value, frame, (item) => store(name, item), depth)}`;
    },
    depth,
  );
}

/** `head { body }`, the body on lines of its own. */
export function block(head: string, body: string): string {
  return `${head} {\n${indent(body)}\n}`;
}
