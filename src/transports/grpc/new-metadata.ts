/**
 * Metadata of grpc-js without loading grpc-js: a program that only calls does without it, and on a server of the user's it is
 * the user's own copy that counts. The class is that of the first metadata that is seen.
 */
import type { Metadata } from '@grpc/grpc-js';

let known: (new () => Metadata) | undefined;

/** Call it with what a request brought, before anything is answered. */
export function learnMetadata(one: Metadata): void {
  known ??= one.constructor as new () => Metadata;
}

export function newMetadata(): Metadata {
  if (known === undefined) throw new Error('no metadata was made before there was any request');
  return new known();
}
