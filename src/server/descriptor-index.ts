/**
 * The files behind a server's services, by name, by symbol and by extension: what reflection answers
 * from. Built from the stubs' own descriptors on the first question.
 */

import { fromBinary } from '@bufbuild/protobuf';
import { type DescriptorProto, type FieldDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { file as errorDetails } from '../../gen/google/rpc/error_details.desc.js';
import { file as status } from '../../gen/google/rpc/status.desc.js';
import type { ServiceType } from '../contract/service.js';

interface IndexedFile {
  readonly bytes: Uint8Array;
  readonly dependencies: readonly string[];
}

export class DescriptorIndex {
  readonly #files = new Map<string, IndexedFile>();
  /** Name of the file by full name of what it declares. */
  readonly #symbols = new Map<string, string>();
  /** Name of the file by extended message and field number. */
  readonly #extensions = new Map<string, Map<number, string>>();

  /** With what the details of errors are, which no service names. Throws when the descriptors of a service do not decode. */
  constructor(services: readonly ServiceType[]) {
    for (const service of services) for (const bytes of service.descriptors()) this.#addFile(bytes);
    // After the services' own: a copy of googleapis among their imports has more in it.
    for (const file of [status, errorDetails]) for (const bytes of file.withImports()) this.#addFile(bytes);
  }

  fileOfSymbol(symbol: string): string | undefined {
    return this.#symbols.get(plain(symbol));
  }

  fileOfExtension(message: string, number: number): string | undefined {
    return this.#extensions.get(plain(message))?.get(number);
  }

  /** Sorted; undefined for a message that is not known. */
  extensionsOf(message: string): readonly number[] | undefined {
    const known = this.#extensions.get(plain(message));
    if (known !== undefined) return [...known.keys()].sort((a, b) => a - b);
    return this.#symbols.has(plain(message)) ? [] : undefined;
  }

  /** The file, then all it imports that is not in `sent`, which is added to; undefined for an unknown name. */
  withImports(name: string, sent: Set<string>): readonly Uint8Array[] | undefined {
    if (!this.#files.has(name)) return undefined;
    const found: Uint8Array[] = [];
    const queue = [name];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const file = this.#files.get(next);
      // The file that was asked for comes in any case.
      if (file === undefined || (sent.has(next) && found.length > 0)) continue;
      sent.add(next);
      found.push(file.bytes);
      queue.push(...file.dependencies.filter((dependency) => !sent.has(dependency)));
    }
    return found;
  }

  #addFile(bytes: Uint8Array): void {
    const file = fromBinary(FileDescriptorProtoSchema, bytes);
    if (this.#files.has(file.name)) return;
    this.#files.set(file.name, { bytes, dependencies: file.dependency });
    const scope = file.package === '' ? '' : `${file.package}.`;
    const add = (name: string): void => void this.#symbols.set(name, file.name);
    for (const message of file.messageType) this.#addMessage(message, scope, file.name);
    this.#addEnums(file.enumType, scope, file.name);
    this.#addExtensions(file.extension, scope, file.name);
    for (const service of file.service) {
      add(scope + service.name);
      for (const method of service.method) add(`${scope}${service.name}.${method.name}`);
    }
  }

  #addMessage(message: DescriptorProto, scope: string, file: string): void {
    const name = scope + message.name;
    this.#symbols.set(name, file);
    for (const part of [...message.field, ...message.oneofDecl]) this.#symbols.set(`${name}.${part.name}`, file);
    for (const nested of message.nestedType) this.#addMessage(nested, `${name}.`, file);
    this.#addEnums(message.enumType, `${name}.`, file);
    this.#addExtensions(message.extension, `${name}.`, file);
  }

  /** The values of an enum are names beside it, as in C. */
  #addEnums(enums: DescriptorProto['enumType'], scope: string, file: string): void {
    for (const one of enums) {
      this.#symbols.set(scope + one.name, file);
      for (const value of one.value) this.#symbols.set(scope + value.name, file);
    }
  }

  #addExtensions(extensions: readonly FieldDescriptorProto[], scope: string, file: string): void {
    for (const { name, extendee, number } of extensions) {
      this.#symbols.set(scope + name, file);
      const known = this.#extensions.get(plain(extendee)) ?? new Map<number, string>();
      known.set(number, file);
      this.#extensions.set(plain(extendee), known);
    }
  }
}

/** Descriptors write full names with a dot in front; people may, too. */
function plain(name: string): string {
  return name.startsWith('.') ? name.slice(1) : name;
}
