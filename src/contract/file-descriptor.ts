/**
 * The descriptor of a `.proto` file as generated code embeds it, for server reflection: base64 that is
 * decoded when somebody asks, once.
 */
export interface FileDescriptor {
  /** A serialized FileDescriptorProto, without source positions and comments. */
  bytes(): Uint8Array;
  /** This file and all it imports, each once, dependencies first. */
  withImports(): readonly Uint8Array[];
}

const importsOf = new WeakMap<FileDescriptor, readonly FileDescriptor[]>();

/** Called by generated code. */
export function fileDescriptor(base64: string, imports: readonly FileDescriptor[]): FileDescriptor {
  let bytes: Uint8Array | undefined;
  let all: readonly Uint8Array[] | undefined;
  const file: FileDescriptor = {
    bytes: () => {
      bytes ??= new Uint8Array(Buffer.from(base64, 'base64'));
      return bytes;
    },
    withImports: () => {
      all ??= Object.freeze([...closure(file, new Set())].map((one) => one.bytes()));
      return all;
    },
  };
  importsOf.set(file, imports);
  return file;
}

/** Adds a file to `found` after all it imports. */
function closure(file: FileDescriptor, found: Set<FileDescriptor>): Set<FileDescriptor> {
  if (found.has(file)) return found;
  for (const one of importsOf.get(file) ?? []) closure(one, found);
  return found.add(file);
}
