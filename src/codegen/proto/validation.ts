/**
 * Rules of protovalidate (`buf.validate`) and of protoc-gen-validate (`validate.rules`) that stand in the input: nothing here enforces
 * them, so each file that has some is warned of, lest a field be taken for checked.
 */
import type { DescFile, DescMessage, FileRegistry } from '@bufbuild/protobuf';
import type { Diagnostic } from '../diagnostic.js';
import type { ProtoSource } from './sources.js';

/** Packages whose options are rules for messages. */
const packages = ['buf.validate', 'validate'];

interface Options {
  readonly $unknown?: readonly { readonly no: number }[] | undefined;
}

/** Warns of the first rule of each input that has some. */
export function warnOfRules(
  inputs: readonly string[],
  registry: FileRegistry,
  sources: ReadonlyMap<string, ProtoSource>,
): Diagnostic[] {
  const rules = new Map<string, string>();
  for (const type of registry) {
    if (type.kind !== 'extension' || !packages.includes(type.file.proto.package)) continue;
    rules.set(`${type.extendee.typeName} ${type.number}`, type.typeName);
  }
  if (rules.size === 0) return [];
  return inputs.flatMap((input) => {
    const file = registry.getFile(input);
    const found = file === undefined ? undefined : firstRule(file, rules);
    if (file === undefined || found === undefined) return [];
    const source = sources.get(`${file.name}.proto`);
    const message = `${found.name} has the option (${found.rule}), which Hawser does not enforce: no message is checked by it; check it in the handler.`;
    return [
      { severity: 'warning', message, file: source?.display ?? `${file.name}.proto`, ...placeIn(source?.text ?? '') },
    ];
  });
}

function firstRule(file: DescFile, rules: ReadonlyMap<string, string>): { name: string; rule: string } | undefined {
  const rule = (kind: string, options: Options | undefined): string | undefined => {
    const known = options?.$unknown?.map(({ no }) => rules.get(`google.protobuf.${kind}Options ${no}`));
    return known?.find((one) => one !== undefined);
  };
  const inMessage = (message: DescMessage): { name: string; rule: string } | undefined => {
    const own = rule('Message', message.proto.options);
    if (own !== undefined) return { name: message.typeName, rule: own };
    for (const field of message.fields) {
      const found = rule('Field', field.proto.options);
      if (found !== undefined) return { name: `${message.typeName}.${field.name}`, rule: found };
    }
    for (const oneof of message.oneofs) {
      const found = rule('Oneof', oneof.proto.options);
      if (found !== undefined) return { name: `${message.typeName}.${oneof.name}`, rule: found };
    }
    return first(message.nestedMessages, inMessage);
  };
  return first(file.messages, inMessage);
}

function first<T, R>(items: readonly T[], find: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Where the text first names a rule. */
function placeIn(text: string): Pick<Diagnostic, 'line' | 'column' | 'length' | 'sourceLine'> {
  const match = /\(\s*\.?(?:buf\.)?validate\.\w+/.exec(text);
  if (match === null) return { line: 0, column: 0 };
  const before = text.slice(0, match.index).split('\n');
  const line = before.length;
  const sourceLine = (text.split('\n')[line - 1] ?? '').replace(/\r$/, '');
  return { line, column: (before.at(-1) ?? '').length + 1, length: match[0].length + 1, sourceLine };
}
