/** The methods of two versions of a service: what is sent, what is answered, and what is thrown. */
import type { Changes } from './change.js';
import { compareFields, type FieldContext } from './compare-fields.js';
import { comparePolicies } from './compare-policy.js';
import { compareTypes, type TypeContext } from './compare-types.js';
import { isFields } from './reach.js';
import { type ErrorDecl, type FieldDecl, type MethodDecl, type ServiceDecl, typeText } from './schema.js';
import { compareVersions } from './version.js';

export interface ServiceContext {
  readonly changes: Changes;
  readonly types: TypeContext;
}

export function compareServices(before: ServiceDecl, after: ServiceDecl, context: ServiceContext): void {
  const { changes } = context;
  const { name } = after;
  if (
    before.version !== undefined &&
    (after.version === undefined || compareVersions(after.version, before.version) < 0)
  ) {
    const is = after.version === undefined ? 'no longer declares a version' : `is now version ${after.version}`;
    changes.add('VERSION_NO_DECREASE', name, after.place, `${name} ${is}, and was ${before.version}.`);
  }
  if (before.base !== undefined && before.base !== after.base) {
    changes.add(
      'SERVICE_SAME_BASE',
      name,
      after.place,
      `${name} extends ${after.base ?? 'nothing'}, and extended ${before.base}.`,
    );
  }
  const now = new Map(after.methods.map((method) => [method.name, method]));
  const known = new Set(before.methods.map((method) => method.name));
  for (const method of before.methods) {
    const next = now.get(method.name);
    const path = `${name}/${method.name}`;
    if (next === undefined) changes.gone('RPC_NO_DELETE', path, method.place, `The method ${path} is gone.`);
    else {
      compareMethods(path, method, next, before, context);
      comparePolicies({ service: before, method }, { service: after, method: next }, changes);
    }
  }
  for (const method of after.methods) {
    const path = `${name}/${method.name}`;
    if (!known.has(method.name)) changes.add('RPC_ADDED', path, method.place, `The method ${path} is new.`);
  }
}

function compareMethods(
  path: string,
  before: MethodDecl,
  after: MethodDecl,
  { idl }: ServiceDecl,
  context: ServiceContext,
): void {
  const { changes } = context;
  const { place } = after;
  if ((before.kind === 'oneway') !== (after.kind === 'oneway')) {
    const word = after.kind === 'oneway' ? 'is now oneway' : 'is no longer oneway';
    changes.add('RPC_SAME_ONEWAY', path, place, `The method ${path} ${word}.`);
  }
  if (idl === 'proto') {
    for (const [rule, kinds, what] of [
      ['RPC_SAME_CLIENT_STREAMING', ['client', 'bidi'], 'requests'],
      ['RPC_SAME_SERVER_STREAMING', ['server', 'bidi'], 'responses'],
    ] as const) {
      const many = (method: MethodDecl): boolean => (kinds as readonly string[]).includes(method.kind);
      if (many(before) === many(after)) continue;
      const word = many(after) ? 'now streams' : 'no longer streams';
      changes.add(rule, path, place, `The method ${path} ${word} its ${what}.`);
    }
  }
  compareRequests(path, before, after, context);
  compareResponses(path, before, after, context);
  compareErrors(path, before, after, idl === 'thrift', context);
}

function compareRequests(path: string, before: MethodDecl, after: MethodDecl, context: ServiceContext): void {
  if (isFields(before.request) && isFields(after.request)) {
    const fields: FieldContext = {
      ...context.types,
      changes: context.changes,
      name: `${path} arguments`,
      oldName: `${path} arguments`,
      answered: false,
    };
    compareFields(argumentsOf(before.request), argumentsOf(after.request), fields);
  } else if (!isFields(before.request) && !isFields(after.request)) {
    const [was, is] = [typeText(before.request), typeText(after.request)];
    if (was !== is) {
      context.changes.add(
        'RPC_SAME_REQUEST_TYPE',
        path,
        after.place,
        `The method ${path} takes ${is}, and took ${was}.`,
      );
    }
  }
}

function argumentsOf(fields: readonly FieldDecl[]): Parameters<typeof compareFields>[0] {
  return { fields, reserved: [], reservedNames: [], form: 'struct' };
}

function compareResponses(
  path: string,
  before: MethodDecl,
  after: MethodDecl,
  { changes, types }: ServiceContext,
): void {
  const { response: was } = before;
  const { response: is, place } = after;
  if (was === undefined && is === undefined) return;
  const verdict = was === undefined || is === undefined ? 'FIELD_WIRE_COMPATIBLE_TYPE' : compareTypes(was, is, types);
  if (verdict === undefined) return;
  const rule = verdict === 'FIELD_WIRE_COMPATIBLE_TYPE' ? 'RPC_SAME_RESPONSE_TYPE' : verdict;
  changes.add(rule, path, place, `The method ${path} answers ${typeText(is)}, and answered ${typeText(was)}.`);
}

function compareErrors(
  path: string,
  before: MethodDecl,
  after: MethodDecl,
  byId: boolean,
  { changes, types }: ServiceContext,
): void {
  const key = (error: ErrorDecl): string => (byId ? String(error.id) : error.type);
  const now = new Map(after.errors.map((error) => [key(error), error]));
  const known = new Set(before.errors.map(key));
  for (const error of before.errors) {
    const next = now.get(key(error));
    if (next === undefined) {
      changes.gone(
        'RPC_ERROR_DELETED',
        path,
        error.place,
        `The method ${path} no longer declares the error ${error.type}.`,
      );
      continue;
    }
    const verdict = compareTypes({ kind: 'struct', name: error.type }, { kind: 'struct', name: next.type }, types);
    if (verdict !== undefined) {
      const rule = verdict === 'STRUCT_RENAMED' ? verdict : 'RPC_ERROR_SAME_TYPE';
      changes.add(rule, path, next.place, `The error ${next.id} of ${path} is ${next.type}, and was ${error.type}.`);
    }
  }
  for (const error of after.errors) {
    if (!known.has(key(error))) {
      changes.add(
        'RPC_ERROR_ADDED',
        path,
        error.place,
        `The method ${path} declares the error ${error.type}, which is new.`,
      );
    }
  }
}
