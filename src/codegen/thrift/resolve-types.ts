/**
 * Looks up the types that a file names. A type may be used before it is defined, so a name that
 * is not known yet is kept and looked up again at the end of the file; but whatever needs the
 * type at once (a constant, a default, `throws`) needs the definition first, as in Apache's compiler.
 */
import type { Annotation, NamedType, TrueType, Type, TypeDefinition, TypedefDefinition } from './program.js';
import type { ThriftScope } from './scope.js';
import type { Source, Span } from './source.js';
import type { AnnotationNode, TypeNode } from './syntax.js';
import { checkTypedefs } from './typedef-check.js';

/** A named type while its file is read: `definition` is unset until it is known. */
interface PendingType {
  readonly kind: 'named';
  readonly name: string;
  definition: TypeDefinition | undefined;
}

export class TypeResolver {
  private readonly pending: { readonly type: PendingType; readonly span: Span }[] = [];
  /** Types that were used before they were defined. Apache does not check values against these. */
  private readonly forward = new Set<Type>();
  private readonly placeholder: TypeDefinition;

  constructor(
    private readonly source: Source,
    private readonly scope: ThriftScope,
    /** Why a name may be missing though the file is not to blame; undefined where it is. */
    private readonly excuse: (name: string) => boolean,
    placeholder: TypeDefinition,
    private readonly nesting: number,
  ) {
    this.placeholder = placeholder;
  }

  resolve(node: TypeNode): Type {
    switch (node.kind) {
      case 'base':
        return { kind: 'base', base: node.base, annotations: annotations(node.annotations) };
      case 'list':
      case 'set':
        return { kind: node.kind, element: this.resolve(node.element), annotations: annotations(node.annotations) };
      case 'map': {
        const key = this.resolve(node.key);
        return { kind: 'map', key, value: this.resolve(node.value), annotations: annotations(node.annotations) };
      }
      case 'named': {
        const type: PendingType = { kind: 'named', name: node.name, definition: this.scope.types.get(node.name) };
        // Pending types leave this class only as the finished kind; until `finish` nobody else looks inside.
        const finished = type as NamedType;
        if (type.definition === undefined) {
          this.pending.push({ type, span: node });
          this.forward.add(finished);
        }
        return finished;
      }
    }
  }

  /** The type with typedefs followed, as far as it is known by now; undefined when it is not. */
  known(type: Type): TrueType | undefined {
    let current: Type = type;
    // A typedef that leads back to itself is reported in `finish`.
    for (let steps = 0; steps < 10_000; steps++) {
      if (current.kind !== 'named') return current;
      const definition: TypeDefinition | undefined =
        (current as PendingType).definition ?? this.scope.types.get(current.name);
      if (definition === undefined || definition === this.placeholder) return undefined;
      if (definition.kind === 'enum') return { kind: 'enum', definition };
      if (definition.kind !== 'typedef') return { kind: 'struct', definition };
      current = definition.type;
    }
    return undefined;
  }

  /** Whether Apache checks a value against this type: not through a typedef, nor before the definition. */
  isChecked(type: Type): boolean {
    return !this.forward.has(type) && !(type.kind === 'named' && type.definition.kind === 'typedef');
  }

  /** Says that `type` is not defined before the place where it is needed. */
  reportUnknown(type: Type, span: Span, what: string): void {
    const name = type.kind === 'named' ? type.name : 'this type';
    if (this.excuse(name)) return;
    this.source.error(span, `${name} is not defined before ${what} needs it; move its definition up`);
  }

  /** Looks up what was not known yet. */
  finish(typedefs: readonly TypedefDefinition[]): void {
    for (const { type, span } of this.pending) {
      type.definition = this.scope.types.get(type.name);
      if (type.definition !== undefined) continue;
      type.definition = this.placeholder;
      if (!this.excuse(type.name))
        this.source.error(span, this.source.isFull ? '' : unknownType(type.name, this.scope));
    }
    checkTypedefs(this.source, typedefs, this.nesting);
  }
}

export function annotations(nodes: readonly AnnotationNode[]): Annotation[] {
  return nodes.map(({ key, value, start, end }) => ({ key, value, span: { start, end } }));
}

function unknownType(name: string, scope: ThriftScope): string {
  if (name === 'float') return '"float" is a type of fbthrift\'s dialect; Apache Thrift has "double"';
  if (name === 'slist') return '"slist" is no longer a type of Thrift; write "string"';
  if (scope.services.has(name)) return `${name} is a service, which is no type`;
  const dot = name.lastIndexOf('.');
  if (dot > 0) {
    const prefix = name.slice(0, dot);
    const known = [...scope.types.keys()].some((key) => key.startsWith(`${prefix}.`));
    if (!known)
      return `${name} is not defined: no file that is included is called "${prefix}.thrift", or it defines no type`;
  }
  return `${name} is not defined`;
}
