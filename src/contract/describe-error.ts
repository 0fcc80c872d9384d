/** The message of a declared error whose IDL gives it none. */
const longest = 200;

/** `BadFish { fish: "halibut", errorCode: 3 }`; at most 200 characters. */
export function describeError(typeName: string, fields: object): string {
  const name = typeName.slice(typeName.lastIndexOf('.') + 1);
  const parts: string[] = [];
  let length = name.length;
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const part = `${key}: ${describe(value, 2)}`;
    parts.push(part);
    length += part.length + 2;
    if (length > longest) break;
  }
  const text = parts.length === 0 ? name : `${name} { ${parts.join(', ')} }`;
  return text.length <= longest ? text : `${text.slice(0, longest - 3)}...`;
}

function describe(value: unknown, depth: number): string {
  if (typeof value === 'string') return JSON.stringify(value.length > longest ? value.slice(0, longest) : value);
  if (typeof value !== 'object' || value === null) return String(value);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (depth === 0) return '...';
  if (Array.isArray(value)) return `[${some(value, (item) => describe(item, depth - 1))}]`;
  if (value instanceof Set) return `[${some(value, (item) => describe(item, depth - 1))}]`;
  if (value instanceof Map) {
    return `{ ${some(value, ([key, item]) => `${describe(key, depth - 1)}: ${describe(item, depth - 1)}`)} }`;
  }
  return `{ ${some(Object.entries(value), ([key, item]) => `${key}: ${describe(item, depth - 1)}`)} }`;
}

function some<T>(items: Iterable<T>, show: (item: T) => string): string {
  const shown: string[] = [];
  for (const item of items) {
    if (shown.length === 8) {
      shown.push('...');
      break;
    }
    shown.push(show(item));
  }
  return shown.join(', ');
}
