/**
 * What an API uses and nobody who publishes it decides on: the well-known types of protobuf, those of google.rpc, and
 * Hawser's options. Which copy of them a compiler brings, or a tree has vendored, is no change of the API.
 */
import type { Schema } from './schema.js';

const packages = ['google.protobuf', 'google.rpc', 'hawser.policy.v1'];

/** The schema without them. A field that changes from one of them to another is still a change. */
export function ownApi({ files, types, services, extensions }: Schema): Schema {
  const isForeign = new Set(
    files.filter((file) => file.idl === 'proto' && packages.includes(file.package)).map((file) => file.name),
  );
  return {
    files: files.filter((file) => file.idl !== 'proto' || !isForeign.has(file.name)),
    types: types.filter((type) => type.idl !== 'proto' || !isBelow(type.name)),
    services: services.filter((service) => service.idl !== 'proto' || !isForeign.has(service.file)),
    extensions: extensions.filter((one) => !isBelow(one.name)),
  };
}

function isBelow(name: string): boolean {
  return packages.some((one) => name.startsWith(`${one}.`));
}
