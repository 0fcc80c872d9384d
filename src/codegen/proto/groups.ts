/**
 * Files that declare the same name cannot be compiled together (a vendored copy of google/api beside the
 * original, two examples that both declare `Request`), but protoc compiles them one by one. So the inputs
 * are divided into as few groups as keep such files apart; most trees are one group.
 */
import type { ProtoSources } from './sources.js';

export interface Group {
  /** Import names of the inputs in this group. */
  readonly inputs: readonly string[];
  /** The inputs and all that they import. */
  readonly files: ReadonlySet<string>;
}

interface Filling {
  readonly inputs: string[];
  readonly files: Set<string>;
  /** The file that declares a name. */
  readonly owners: Map<string, string>;
}

export function groupSources({ files, inputs }: ProtoSources): Group[] {
  const groups: Filling[] = [];
  const closureOf = (input: string): Set<string> => {
    const closure = new Set([input]);
    for (const name of closure) for (const one of files.get(name)?.scan.imports ?? []) closure.add(one.path);
    return closure;
  };
  for (const input of inputs) {
    if (!files.has(input)) continue;
    const closure = closureOf(input);
    const group = groups.find((one) => fits(one, closure));
    const target = group ?? { inputs: [], files: new Set<string>(), owners: new Map<string, string>() };
    if (group === undefined) groups.push(target);
    target.inputs.push(input);
    for (const name of closure) {
      target.files.add(name);
      for (const symbol of files.get(name)?.scan.symbols ?? []) {
        if (!target.owners.has(symbol)) target.owners.set(symbol, name);
      }
    }
  }
  return groups;

  function fits(group: Filling, closure: ReadonlySet<string>): boolean {
    for (const name of closure) {
      if (group.files.has(name)) continue;
      for (const symbol of files.get(name)?.scan.symbols ?? []) if (group.owners.has(symbol)) return false;
    }
    return true;
  }
}
