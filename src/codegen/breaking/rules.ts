/**
 * Every change that the gate knows, for both IDLs. Where buf has a rule for it, the rule has buf's name. The severity says who
 * notices: `wire`, peers that run now and cannot read each other; `semantic`, peers that read each other and
 * understand something else; `json`, users of the JSON form; `source`, code that is compiled against the new stubs;
 * `compatible`, nobody.
 */
export type Severity = 'wire' | 'semantic' | 'json' | 'source' | 'compatible';
export type Bump = 'major' | 'minor' | 'none';

export const severities: readonly Severity[] = ['wire', 'semantic', 'json', 'source', 'compatible'];

/** What a change of a severity demands of the declared version. */
export const bumpOf: Readonly<Record<Severity, Bump>> = {
  wire: 'major',
  semantic: 'major',
  // Peers that are running notice nothing; who upgrades the stub reads of it in the release notes.
  json: 'minor',
  source: 'minor',
  compatible: 'minor',
};

export interface Rule {
  readonly severity: Severity;
  /** Why it breaks whom, as a sentence. */
  readonly why: string;
}

const rule = (severity: Severity, why: string): Rule => ({ severity, why });

const typed = {
  FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED: rule(
    'wire',
    'Nothing keeps a later field from taking the number, and what peers of the old version send would then be read as that. Reserve the number, or keep the field and mark it deprecated.',
  ),
  FIELD_NO_DELETE: rule(
    'source',
    'Code that reads or sets the field no longer compiles; what old peers send in it is dropped.',
  ),
  FIELD_NO_DELETE_UNLESS_NAME_RESERVED: rule(
    'json',
    'Nothing keeps a later field from taking the name, and JSON of the old version would then be read as that. Reserve the name.',
  ),
  FIELD_ID_REUSED: rule(
    'wire',
    'The number was reserved for a field that is gone, and peers that still know that one misread this one.',
  ),
  FIELD_WIRE_COMPATIBLE_TYPE: rule(
    'wire',
    'The two types are encoded differently: a peer of the other version fails on the value, or reads garbage.',
  ),
  FIELD_SAME_RANGE: rule(
    'semantic',
    'The bytes are alike, and the values are not: what one version can hold, the other cuts off, reads with another sign, or refuses.',
  ),
  FIELD_WIRE_JSON_COMPATIBLE_TYPE: rule('json', 'The two types are written differently in JSON.'),
  FIELD_SAME_TYPE: rule('source', 'Code that uses the field no longer compiles against the new type.'),
  FIELD_WIRE_COMPATIBLE_CARDINALITY: rule(
    'wire',
    'One value and many are encoded differently, or a peer of the other version keeps the last of many and drops the rest.',
  ),
  FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY: rule('json', 'One value and many are written differently in JSON.'),
  FIELD_SAME_CARDINALITY: rule(
    'source',
    'Whether the field can be absent, or hold many values, is part of its type in code.',
  ),
  MESSAGE_SAME_REQUIRED_FIELDS: rule(
    'wire',
    'A peer that requires the field refuses every message without it, and a peer of the other version does not know that it must send it.',
  ),
  FIELD_SAME_DEFAULT: rule('semantic', 'Where the field is absent, the two versions read different values.'),
  FIELD_SAME_NAME: rule(
    'json',
    'JSON and text formats carry the name, and code that uses the field no longer compiles.',
  ),
  FIELD_SAME_JSON_NAME: rule('json', 'JSON of the other version is read without the field.'),
  FIELD_SAME_ONEOF: rule(
    'wire',
    'In a oneof the last member that arrives wins, and outside of it each is kept: the two versions keep different fields of one message.',
  ),
  FIELD_SAME_ONEOF_NAME: rule(
    'source',
    'The bytes are the same; code that asks which member is set no longer compiles.',
  ),
  FIELD_SAME_ENCODING: rule(
    'wire',
    'The two forms are framed differently, and a peer of the other version cannot read past the field.',
  ),
  FIELD_SAME_UTF8_VALIDATION: rule(
    'semantic',
    'Text that is not UTF-8 is accepted by one version and refused by the other.',
  ),
  FIELD_SAME_LANGUAGE_TYPE: rule(
    'source',
    'Generated code of the languages that heed the option has another type for the field.',
  ),
  FIELD_ADDED: rule('compatible', 'Peers of the old version skip it.'),
  ONEOF_NO_DELETE: rule('source', 'Code that asks which member of the oneof is set no longer compiles.'),
  UNION_MEMBER_ADDED_TO_RESPONSE: rule(
    'semantic',
    'A client of the old version that gets the new member finds nothing set. Name a feature on it, so that it is sent only to those who know it.',
  ),
  MESSAGE_NO_DELETE: rule('source', 'Code that uses the type no longer compiles.'),
  MESSAGE_MOVED: rule('source', 'Generated code is imported from the file that the type is declared in.'),
  STRUCT_RENAMED: rule('source', 'The name is not on the wire, and it is in all code that uses the type.'),
  STRUCT_SAME_FORM: rule(
    'semantic',
    'A struct, a union and an exception keep different promises: a union has exactly one member, an exception is thrown.',
  ),
  TYPE_ADDED: rule('compatible', 'Nothing of the old version uses it.'),
  RESERVED_MESSAGE_NO_DELETE: rule(
    'wire',
    'The number or name was promised never to come back, for the sake of peers that still send it.',
  ),
  EXTENSION_RANGE_NO_DELETE: rule('source', 'Extensions that others declared in the range no longer compile.'),
  EXTENSION_NO_DELETE: rule(
    'source',
    'Code that uses the extension no longer compiles; what peers send in it is not read.',
  ),
  ENUM_NO_DELETE: rule('source', 'Code that uses the enum no longer compiles.'),
  ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED: rule(
    'wire',
    'Peers of the old version send the number, and nothing keeps a later value from taking it. Reserve the number, or keep the value and mark it deprecated.',
  ),
  ENUM_VALUE_NO_DELETE_WHERE_CLOSED: rule(
    'semantic',
    'Peers of the old version send the number, and a reader of a closed enum takes it for the default, or refuses the message.',
  ),
  ENUM_VALUE_NO_DELETE: rule('source', 'Code that uses the value no longer compiles.'),
  ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED: rule(
    'json',
    'Nothing keeps a later value from taking the name, which JSON carries. Reserve the name.',
  ),
  ENUM_VALUE_SAME_NAME: rule('json', 'JSON carries the name, and code that uses the value no longer compiles.'),
  ENUM_VALUE_ADDED_TO_RESPONSE: rule(
    'semantic',
    'The enum is closed: a client of the old version that gets the new value may fail, drop it or take it for another. Put it behind a feature, or answer old clients with a value they know.',
  ),
  ENUM_VALUE_ADDED: rule(
    'compatible',
    'Peers of the old version keep the number; servers of it may refuse a request that holds it.',
  ),
  ENUM_SAME_TYPE: rule('semantic', 'An open enum keeps a number that it does not know, and a closed one does not.'),
  RESERVED_ENUM_NO_DELETE: rule(
    'wire',
    'The number or name was promised never to come back, for the sake of peers that still send it.',
  ),
} satisfies Record<string, Rule>;

const called = {
  FILE_NO_DELETE: rule('source', 'Files that import it no longer compile.'),
  FILE_SAME_PACKAGE: rule('wire', 'The package is part of every service’s path: calls to the old one find nothing.'),
  FILE_SAME_SYNTAX: rule('source', 'The syntax decides on the defaults of every field, and so on generated code.'),
  FILE_SAME_LANGUAGE_OPTION: rule('source', 'Generated code of that language has another name or form.'),
  SERVICE_NO_DELETE: rule('semantic', 'Every call to it is answered UNIMPLEMENTED.'),
  SERVICE_ADDED: rule('compatible', 'Nothing of the old version calls it.'),
  SERVICE_SAME_BASE: rule('source', 'Code that takes the service for one of its base no longer compiles.'),
  RPC_NO_DELETE: rule(
    'semantic',
    'Calls of the old version are answered UNIMPLEMENTED. Mark it deprecated with a sunset, and delete it with the next major.',
  ),
  RPC_ADDED: rule(
    'compatible',
    'Nothing of the old version calls it; a server of the old version answers UNIMPLEMENTED.',
  ),
  RPC_SAME_REQUEST_TYPE: rule('wire', 'The two versions take different messages for the request.'),
  RPC_SAME_RESPONSE_TYPE: rule('wire', 'The two versions take different messages, or void, for the response.'),
  RPC_SAME_CLIENT_STREAMING: rule('wire', 'One version sends one request and the other many.'),
  RPC_SAME_SERVER_STREAMING: rule('wire', 'One version waits for one response and the other for many.'),
  RPC_SAME_ONEWAY: rule(
    'wire',
    'One version waits for an answer that the other never sends, or finds one that it did not ask for.',
  ),
  RPC_ERROR_ADDED: rule(
    'semantic',
    'A client of the old version does not know the error: over Thrift it sees an answer without a result.',
  ),
  RPC_ERROR_DELETED: rule(
    'semantic',
    'What clients of the old version catch is no longer thrown, and something else is.',
  ),
  RPC_ERROR_SAME_TYPE: rule('wire', 'The bytes of the error are read as those of another.'),
} satisfies Record<string, Rule>;

const promised = {
  VERSION_NO_DECREASE: rule(
    'semantic',
    'Versions are compared when peers meet; one that falls makes a newer server pass for an older.',
  ),
  POLICY_IDEMPOTENCY_LOWERED: rule(
    'semantic',
    'Clients of the old version still repeat the call, and now it does harm.',
  ),
  POLICY_IDEMPOTENCY_RAISED: rule('compatible', 'Clients of the old version repeat less than they may.'),
  POLICY_TIMEOUT_SHORTENED: rule('semantic', 'Calls that used to be answered in time now end with DEADLINE_EXCEEDED.'),
  POLICY_MAX_TIMEOUT_SHORTENED: rule(
    'semantic',
    'The server cuts off calls that it used to let run, whatever deadline their clients of the old version ask for.',
  ),
  POLICY_KEY_FIELD_CHANGED: rule(
    'semantic',
    'The two versions take different fields for the idempotency key, so one effect can happen twice.',
  ),
  POLICY_KEY_REQUIRED: rule('semantic', 'Calls without a key, which were served, are now refused.'),
  POLICY_COST_RAISED: rule('semantic', 'The same calls use up a quota sooner.'),
  POLICY_CRITICALITY_LOWERED: rule('semantic', 'Under load the calls are shed sooner than their callers planned for.'),
  POLICY_TOPIC_REMOVED: rule('semantic', 'Subscriptions of the old version are refused.'),
  POLICY_TOPIC_KEY_CHANGED: rule('semantic', 'Replicas of the old version file updates under another key.'),
  POLICY_TOPIC_MODE_CHANGED: rule(
    'semantic',
    'Subscribers of the old version count on updates that are now conflated, or get more than they asked for.',
  ),
  POLICY_TOPIC_RECOVERY_CHANGED: rule(
    'semantic',
    'What subscribers of the old version are promised after a cut no longer holds.',
  ),
  POLICY_TOPIC_DURABILITY_LOWERED: rule('semantic', 'Updates that subscribers have seen can now be lost in a crash.'),
  POLICY_CHANGED: rule('compatible', 'Each side goes by its own; nothing that a peer relies on is taken away.'),
} satisfies Record<string, Rule>;

export const rules = { ...typed, ...called, ...promised };
export type RuleId = keyof typeof rules;
