/** Why no connection came to be, as the end of a sentence: Node leaves some of its errors without a message, or with OpenSSL's alone. */
export function connectFailure(error: unknown): string {
  if (error === undefined) return 'the server hung up';
  if (!(error instanceof Error)) return String(error);
  if ((error as NodeJS.ErrnoException).code === 'ERR_SSL_WRONG_VERSION_NUMBER') {
    return 'it does not speak TLS there; the address asks for it';
  }
  if (error.message !== '') return error.message;
  // A name with several addresses, none of which answered.
  const all = (error as Partial<AggregateError>).errors;
  const last: unknown = Array.isArray(all) ? all.at(-1) : undefined;
  return last instanceof Error ? last.message : error.name;
}
