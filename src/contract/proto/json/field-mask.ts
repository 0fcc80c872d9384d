/** Paths of a FieldMask: snake case in messages, lowerCamelCase in JSON. */

/** undefined for a path that would come back as another. */
export function camelPath(path: unknown): string | undefined {
  if (typeof path !== 'string') return undefined;
  const camel = path.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return /[A-Z_,]/.test(path.replace(/_[a-z]/g, '')) ? undefined : camel;
}

export function snakePath(path: string): string | undefined {
  if (path.includes('_') || path === '') return undefined;
  return path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
