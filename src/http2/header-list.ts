/**
 * The fields of one header block, checked as HTTP/2 demands: a fault of a field makes the message malformed, which costs its
 * stream and not the connection. Fields are shared with the dynamic table, so nothing here is ever changed once it is made.
 * Source: RFC 9113, sections 8.2 and 8.3.
 */

export const FieldKind = {
  REGULAR: 0,
  METHOD: 1,
  SCHEME: 2,
  PATH: 3,
  AUTHORITY: 4,
  STATUS: 5,
  /** A pseudo-header that RFC 9113 does not define. */
  UNKNOWN_PSEUDO: 6,
  CONTENT_LENGTH: 7,
  TE: 8,
  /** A field that only makes sense on one HTTP/1.1 connection. */
  CONNECTION_SPECIFIC: 9,
  INVALID_NAME: 10,
} as const;

const kinds = new Map<string, number>([
  [':method', FieldKind.METHOD],
  [':scheme', FieldKind.SCHEME],
  [':path', FieldKind.PATH],
  [':authority', FieldKind.AUTHORITY],
  [':status', FieldKind.STATUS],
  ['content-length', FieldKind.CONTENT_LENGTH],
  ['te', FieldKind.TE],
  ['connection', FieldKind.CONNECTION_SPECIFIC],
  ['keep-alive', FieldKind.CONNECTION_SPECIFIC],
  ['proxy-connection', FieldKind.CONNECTION_SPECIFIC],
  ['transfer-encoding', FieldKind.CONNECTION_SPECIFIC],
  ['upgrade', FieldKind.CONNECTION_SPECIFIC],
]);

const validName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

export function fieldKind(name: string): number {
  const known = kinds.get(name);
  if (known !== undefined) return known;
  if (name.charCodeAt(0) === 0x3a) return FieldKind.UNKNOWN_PSEUDO;
  return validName.test(name) ? FieldKind.REGULAR : FieldKind.INVALID_NAME;
}

/** What HPACK charges for a field besides its text. Source: RFC 7541, section 4.1. */
export const fieldOverhead = 32;

export class HeaderField {
  readonly name: string;
  readonly value: string;
  readonly kind: number;
  readonly size: number;
  /** Why the value may not be sent in HTTP/2; undefined for a good one. */
  readonly fault: string | undefined;

  constructor(name: string, value: string, kind: number) {
    this.name = name;
    this.value = value;
    this.kind = kind;
    this.size = name.length + value.length + fieldOverhead;
    this.fault = valueFault(value);
  }
}

/** Request smuggling begins with values that another protocol would read as two fields. */
function valueFault(value: string): string | undefined {
  const { length } = value;
  for (let i = 0; i < length; i++) {
    const c = value.charCodeAt(i);
    if (c < 0x20 && c !== 0x09) {
      if (c === 0 || c === 0x0a || c === 0x0d) return 'a value with NUL, CR or LF';
      return 'a value with a control character';
    }
    if (c === 0x7f) return 'a value with a control character';
  }
  if (length > 0 && (isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(length - 1)))) {
    return 'a value that begins or ends with white space';
  }
  return undefined;
}

function isBlank(c: number): boolean {
  return c === 0x20 || c === 0x09;
}

const noFields: readonly HeaderField[] = [];

export class HeaderList {
  method: string | undefined;
  scheme: string | undefined;
  path: string | undefined;
  authority: string | undefined;
  /** 0 where there is none. */
  status = 0;
  /** -1 where there is none. */
  contentLength = -1;
  /** The regular fields, in the order in which they came. */
  fields: readonly HeaderField[] = noFields;
  /** In bytes, as SETTINGS_MAX_HEADER_LIST_SIZE counts them. Beyond the limit fields are counted and not kept. */
  size = 0;
  /** What RFC 9113 calls malformed; undefined for a good list. */
  malformed: string | undefined;
  /** A pseudo-header was seen: trailers must have none. */
  pseudo = false;
  /** `size` is above what we announced: some fields are missing. */
  tooLarge = false;

  add(field: HeaderField, maxSize: number): void {
    this.size += field.size;
    if (this.size > maxSize) {
      this.tooLarge = true;
      return;
    }
    if (field.fault !== undefined) this.malformed ??= `the header ${field.name} has ${field.fault}`;
    if (field.kind === FieldKind.REGULAR) this.#push(field);
    else if (field.kind <= FieldKind.UNKNOWN_PSEUDO) this.#addPseudo(field);
    else this.#addSpecial(field);
  }

  /** The first value of a regular field; undefined where there is none. */
  get(name: string): string | undefined {
    const { fields } = this;
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i] as HeaderField;
      if (field.name === name) return field.value;
    }
    return undefined;
  }

  getAll(name: string): string[] {
    return this.fields.filter((field) => field.name === name).map((field) => field.value);
  }

  #push(field: HeaderField): void {
    if (this.fields === noFields) this.fields = [field];
    else (this.fields as HeaderField[]).push(field);
  }

  #addPseudo({ kind, name, value }: HeaderField): void {
    if (this.fields.length > 0) this.malformed ??= `${name} comes after a regular header`;
    this.pseudo = true;
    switch (kind) {
      case FieldKind.METHOD:
        if (this.method !== undefined) this.#twice(name);
        this.method = value;
        return;
      case FieldKind.SCHEME:
        if (this.scheme !== undefined) this.#twice(name);
        this.scheme = value;
        return;
      case FieldKind.PATH:
        if (this.path !== undefined) this.#twice(name);
        this.path = value;
        return;
      case FieldKind.AUTHORITY:
        if (this.authority !== undefined) this.#twice(name);
        this.authority = value;
        return;
      case FieldKind.STATUS:
        if (this.status !== 0) this.#twice(name);
        if (/^[1-9]\d\d$/.test(value)) this.status = Number(value);
        else this.malformed ??= ':status is not a number of three digits';
        return;
      default:
        this.malformed ??= 'a pseudo-header that HTTP/2 does not have';
    }
  }

  #addSpecial(field: HeaderField): void {
    switch (field.kind) {
      case FieldKind.CONTENT_LENGTH: {
        const length = /^\d{1,15}$/.test(field.value) ? Number(field.value) : -1;
        if (length < 0) this.malformed ??= 'content-length is not a number';
        else if (this.contentLength >= 0 && this.contentLength !== length) this.malformed ??= 'two content-lengths';
        this.contentLength = length;
        break;
      }
      case FieldKind.TE:
        if (field.value !== 'trailers') this.malformed ??= 'te says something other than trailers';
        break;
      case FieldKind.CONNECTION_SPECIFIC:
        this.malformed ??= `the header ${field.name} belongs to HTTP/1.1`;
        break;
      default:
        this.malformed ??= 'a header has an invalid name';
    }
    this.#push(field);
  }

  #twice(name: string): void {
    this.malformed ??= `${name} comes twice`;
  }
}

/** Why a list cannot be the head of a request; undefined for a good one. Source: RFC 9113, section 8.3.1. */
export function requestFault(list: HeaderList): string | undefined {
  if (list.malformed !== undefined) return list.malformed;
  if (list.status !== 0) return 'a request has :status';
  if (list.method === undefined) return 'a request needs :method';
  if (list.method === 'CONNECT') {
    return list.authority === undefined || list.scheme !== undefined || list.path !== undefined
      ? 'CONNECT takes :authority and neither :scheme nor :path'
      : undefined;
  }
  if (list.scheme === undefined) return 'a request needs :scheme';
  if (list.path === undefined || list.path === '') return 'a request needs :path';
  return undefined;
}

/** Why a list cannot be the head of a response. Source: RFC 9113, section 8.3.2. */
export function responseFault(list: HeaderList): string | undefined {
  if (list.malformed !== undefined) return list.malformed;
  if (list.status === 0) return 'a response needs :status';
  const { method, scheme, path, authority } = list;
  return method === undefined && scheme === undefined && path === undefined && authority === undefined
    ? undefined
    : 'a response has pseudo-headers of a request';
}

/** Why a list cannot be trailers. Source: RFC 9113, section 8.1. */
export function trailersFault(list: HeaderList): string | undefined {
  return list.malformed ?? (list.pseudo ? 'trailers have a pseudo-header' : undefined);
}
