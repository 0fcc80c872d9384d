/**
 * Hawser's own reasons, one table: the code of each, what it says of the address that the call went to, whether it means
 * that there is too much to do, and the way out. Breakers, throttles and retries decide by it; docs/errors.md shows it. A handler's
 * reasons are not here: they belong to its service, which stands as their domain.
 */
import type { Code } from './code.js';

/** The domain of these reasons in google.rpc.ErrorInfo. */
export const ownDomain = 'hawser';

/**
 * `faulty`: another address, or a rest, may mend it. `sound`: the address answered as it should. `unknown`: the caller did it, or
 * it happened on the client's side, so it is no word on the address.
 */
export type AddressVerdict = 'faulty' | 'sound' | 'unknown';

export interface ReasonTerms {
  /** The usual one first. */
  readonly codes: readonly [Code, ...Code[]];
  readonly address: AddressVerdict;
  /** Whether a server says by it that it has too much to do. */
  readonly overload: boolean;
  /** What it means, and the way out: one sentence or two. */
  readonly advice: string;
}

const terms = (codes: Code | readonly [Code, ...Code[]], address: AddressVerdict, advice: string): ReasonTerms => ({
  codes: typeof codes === 'string' ? [codes] : codes,
  address,
  overload: false,
  advice,
});
const overload = (code: Code, address: AddressVerdict, advice: string): ReasonTerms => ({
  ...terms(code, address, advice),
  overload: true,
});

/** Raised by the client, before or instead of an answer. */
const client = {
  ATTEMPT_TIMEOUT: terms(
    'DEADLINE_EXCEEDED',
    'faulty',
    'One attempt had its time and no answer came; raise `attemptTimeout` if answers take longer.',
  ),
  BREAKER_OPEN: terms(
    'UNAVAILABLE',
    'unknown',
    'Every address failed so often of late that none is tried; it is tried again by itself.',
  ),
  CLIENT_CLOSED: terms('CANCELLED', 'unknown', '`$close()` was called; make a new client.'),
  CLIENT_THROTTLED: terms(
    'UNAVAILABLE',
    'unknown',
    'Servers refused most calls for overload, so this client holds some back; call less, or later.',
  ),
  CONNECT_FAILED: terms(
    'UNAVAILABLE',
    'faulty',
    'No connection: refused, name unknown, certificate not trusted, or no answer within the time for connecting.',
  ),
  CONNECTION_LOST: terms(
    'UNAVAILABLE',
    'faulty',
    'The connection broke during the call; a call that may run twice is repeated.',
  ),
  CONNECTION_GIVEN_UP: terms(
    'UNAVAILABLE',
    'unknown',
    'The connection ended because another call on it had a message that is too large; a call that did not run is repeated.',
  ),
  DEADLINE_BEFORE_SENT: terms(
    'DEADLINE_EXCEEDED',
    'unknown',
    'The time was over before the call was sent; give it more, or find what keeps this process busy.',
  ),
  NO_STATUS: terms(
    ['UNKNOWN', 'INTERNAL', 'UNAUTHENTICATED', 'PERMISSION_DENIED', 'UNIMPLEMENTED', 'UNAVAILABLE'],
    'faulty',
    'The answer is not gRPC; see that the address is a gRPC server, and what stands between.',
  ),
  NO_STREAM: terms('INTERNAL', 'unknown', 'The HTTP/2 layer did not take the call; the cause is in `error.cause`.'),
  POLLS_NEED_ADDRESSES: terms(
    ['FAILED_PRECONDITION', 'UNIMPLEMENTED'],
    'unknown',
    'Subscriptions over Thrift need `thrift://` addresses; a transport of your own has none.',
  ),
  REFUSED: terms('UNAVAILABLE', 'faulty', 'The server refused the stream unseen: it is closing, or has too many.'),
  REQUEST_STREAM_FAILED: terms(
    'CANCELLED',
    'unknown',
    "The caller's own request stream threw; its error is in `error.cause`.",
  ),
  REQUEST_UNSENDABLE: terms('INTERNAL', 'unknown', 'The request could not be written; the cause is in `error.cause`.'),
  RESPONSE_MALFORMED: terms(
    ['INTERNAL', 'UNIMPLEMENTED'],
    'faulty',
    'The response is not the message that the IDL says, or there are none or two of them; compare the versions of both sides.',
  ),
  STREAM_RESET: terms(
    ['INTERNAL', 'CANCELLED', 'RESOURCE_EXHAUSTED', 'PERMISSION_DENIED'],
    'faulty',
    'The server broke the call off without a status.',
  ),
  SUPERSEDED: terms(
    'CANCELLED',
    'unknown',
    'Another attempt of the same call was faster; seen in events and traces only.',
  ),
  TOO_MANY_WAITING: terms(
    'RESOURCE_EXHAUSTED',
    'unknown',
    'Calls wait for a connection up to the limit; raise `maxWaiting` or `maxConnections`, or call less.',
  ),
  UNRESOLVED: terms('UNAVAILABLE', 'unknown', 'The name has no addresses; see DNS, or the resolver.'),
} as const;

/** Raised by either side. */
const both = {
  MESSAGE_TOO_COSTLY: terms(
    'RESOURCE_EXHAUSTED',
    'unknown',
    'A message would take more memory than its decoding may; split it, or raise the budget.',
  ),
  MESSAGE_TOO_LARGE: terms(
    'RESOURCE_EXHAUSTED',
    'unknown',
    'A request (not-executed) or a response (executed) is over a limit of either side, which the message names; split it, or raise the limit.',
  ),
  NOT_OVER_THRIFT: terms(
    'UNIMPLEMENTED',
    'sound',
    'Thrift has no streaming calls; call over gRPC, or subscribe to the topic.',
  ),
  SHUTDOWN: terms('UNAVAILABLE', 'faulty', 'The server is closing; another one takes the call.'),
  THRIFT_PROTOCOL: terms(
    ['INTERNAL', 'UNAVAILABLE'],
    'faulty',
    'The connection was given up because its bytes are no Thrift; see which dialect both sides speak.',
  ),
} as const;

const thriftFault = (code: Code, address: AddressVerdict): ReasonTerms =>
  terms(
    code === 'INTERNAL' ? code : [code, 'INTERNAL'],
    address,
    'One side does not speak Thrift as the other does; the message says where. From a foreign server the domain is `thrift.apache.org`.',
  );

/** The types of Apache's TApplicationException. */
const thrift = {
  THRIFT_UNKNOWN: thriftFault('UNKNOWN', 'faulty'),
  THRIFT_UNKNOWN_METHOD: thriftFault('UNIMPLEMENTED', 'sound'),
  THRIFT_INVALID_MESSAGE_TYPE: thriftFault('INTERNAL', 'faulty'),
  THRIFT_WRONG_METHOD_NAME: thriftFault('INTERNAL', 'faulty'),
  THRIFT_BAD_SEQUENCE_ID: thriftFault('INTERNAL', 'faulty'),
  THRIFT_MISSING_RESULT: thriftFault('INTERNAL', 'faulty'),
  THRIFT_INTERNAL_ERROR: thriftFault('UNKNOWN', 'faulty'),
  THRIFT_PROTOCOL_ERROR: thriftFault('INVALID_ARGUMENT', 'sound'),
  THRIFT_INVALID_TRANSFORM: thriftFault('FAILED_PRECONDITION', 'sound'),
  THRIFT_INVALID_PROTOCOL: thriftFault('FAILED_PRECONDITION', 'sound'),
  THRIFT_UNSUPPORTED_CLIENT_TYPE: thriftFault('FAILED_PRECONDITION', 'sound'),
} as const;

/** Raised by the server. */
const server = {
  AUTHENTICATION_TIMEOUT: terms(
    'UNAVAILABLE',
    'faulty',
    'The server could not find out in time who calls; see its `authenticate`.',
  ),
  AUTHORIZATION_TIMEOUT: terms(
    'UNAVAILABLE',
    'faulty',
    'The server could not find out in time what the caller may do; see its `authorize`.',
  ),
  CERTIFICATE_UNNAMED: terms(
    'UNAUTHENTICATED',
    'sound',
    "The caller's certificate names nobody; give it a subject or an alternative name.",
  ),
  DECLARED_ERROR: terms(
    'FAILED_PRECONDITION',
    'sound',
    'An error that the IDL declares; a Hawser client throws its class instead.',
  ),
  DECODE_MEMORY_FULL: overload(
    'RESOURCE_EXHAUSTED',
    'faulty',
    'Messages being decoded take all the memory that they may; later, or another server.',
  ),
  DEPENDENCY_FAILED: terms(
    ['INTERNAL', 'UNAVAILABLE', 'DEADLINE_EXCEEDED', 'CANCELLED'],
    'faulty',
    "A call that the handler made failed; the server's log has it under the correlation id.",
  ),
  HANDLER_FAILED: terms('INTERNAL', 'faulty', "The handler threw; the server's log has it under the correlation id."),
  HEADERS_TOO_LARGE: terms(
    'RESOURCE_EXHAUSTED',
    'unknown',
    'The headers are over `maxHeaderBytes` of the server; send less in them.',
  ),
  OVERLOADED: overload(
    'UNAVAILABLE',
    'faulty',
    'The server has too much to do and ran nothing; another server, or later.',
  ),
  PERMISSION_DENIED: terms('PERMISSION_DENIED', 'sound', "The server's `authorize` says no."),
  PROBE_TOO_LARGE: terms(
    'RESOURCE_EXHAUSTED',
    'unknown',
    'A request to the health service holds the name of a service and no more.',
  ),
  QUOTA_EXCEEDED: overload(
    'RESOURCE_EXHAUSTED',
    'unknown',
    'The caller has used up its quota; RetryInfo says when to come again.',
  ),
  REQUEST_MALFORMED: terms('INVALID_ARGUMENT', 'sound', 'The request is not the message that the IDL says.'),
  SERVICE_NAME_TOO_LONG: terms('INVALID_ARGUMENT', 'sound', 'No service has so long a name.'),
  SERVICE_UNKNOWN: terms('NOT_FOUND', 'sound', 'The health service knows no such service.'),
  TIMEOUT_MALFORMED: terms(
    ['INVALID_ARGUMENT', 'INTERNAL'],
    'sound',
    '`grpc-timeout` is 1 to 8 digits and a unit, once.',
  ),
  TOO_MANY_REFLECTIONS: terms(
    'RESOURCE_EXHAUSTED',
    'unknown',
    'As many streams of reflection are open as may be; end some.',
  ),
  TOO_MANY_SERVICES: terms(
    'RESOURCE_EXHAUSTED',
    'sound',
    'The server has more services than health `List` names; use `Check`.',
  ),
  TOO_MANY_HOOK_CALLS: terms(
    'RESOURCE_EXHAUSTED',
    'unknown',
    "The server's `authenticate` or `authorize` has not answered so many calls of this caller; call less, or later.",
  ),
  TOO_MANY_STREAMS_OF_CALLER: terms(
    'RESOURCE_EXHAUSTED',
    'unknown',
    'One caller has as many streams open as it may; end some, or raise `maxStreamsPerCaller`.',
  ),
  TOO_MANY_WATCHES: terms('RESOURCE_EXHAUSTED', 'unknown', 'As many watchers of health are open as may be; end some.'),
  UNAUTHENTICATED: terms(
    'UNAUTHENTICATED',
    'sound',
    'The server does not know the caller; send credentials that it accepts.',
  ),
  UNKNOWN_METHOD: terms('UNIMPLEMENTED', 'sound', 'The server has no such method; see which services it was given.'),
  VERSION_UNSUPPORTED: terms('FAILED_PRECONDITION', 'sound', 'Both sides have no version of the contract in common.'),
} as const;

/** Of KEYED calls and their stores. */
const keyed = {
  IDEMPOTENCY_IN_PROGRESS: terms(
    'ABORTED',
    'unknown',
    'A call with the same key is still at work; repeat it to get its answer.',
  ),
  IDEMPOTENCY_KEY_AMBIGUOUS: terms('INVALID_ARGUMENT', 'sound', 'Header and field hold different keys; send one.'),
  IDEMPOTENCY_KEY_EXPIRED: terms(
    'FAILED_PRECONDITION',
    'sound',
    "The key is older than the store's retention, so it never runs again; find out what became of it, then use a new key.",
  ),
  IDEMPOTENCY_KEY_IN_FUTURE: terms('INVALID_ARGUMENT', 'sound', 'The key was made in the future; set the clocks.'),
  IDEMPOTENCY_KEY_MALFORMED: terms('INVALID_ARGUMENT', 'sound', 'The key is no key; the message says why.'),
  IDEMPOTENCY_KEY_OF_OTHER_IDL: terms(
    'FAILED_PRECONDITION',
    'sound',
    'The key was used over the other wire; repeat the call there.',
  ),
  IDEMPOTENCY_KEY_REQUIRED: terms('INVALID_ARGUMENT', 'sound', 'The method needs a key; a Hawser client makes one.'),
  IDEMPOTENCY_KEY_REUSED: terms(
    'INVALID_ARGUMENT',
    'sound',
    'The key was used for another request; make a new one for a new request.',
  ),
  IDEMPOTENCY_KEY_TOO_LONG: terms('INVALID_ARGUMENT', 'sound', 'A key has at most 255 characters.'),
  IDEMPOTENCY_RECORD_UNREADABLE: terms(
    'INTERNAL',
    'unknown',
    'The recorded answer is an error that this version does not declare.',
  ),
  IDEMPOTENCY_STORE_CLOSED: terms('UNAVAILABLE', 'faulty', 'The memory store is closed: the server is going away.'),
  IDEMPOTENCY_STORE_FULL: overload(
    'RESOURCE_EXHAUSTED',
    'faulty',
    'The memory store is full; raise `maxRecords`, or use a database.',
  ),
  NESTED_TRANSACTION: terms(
    'FAILED_PRECONDITION',
    'sound',
    'A KEYED handler called into its own store; write through its `call.tx`.',
  ),
  STORE_BUSY: overload(
    'UNAVAILABLE',
    'faulty',
    'Calls wait for the database up to the limit; later, or another server.',
  ),
  STORE_CLOSED: terms('UNAVAILABLE', 'faulty', 'The store is closed: the server is going away.'),
  STORE_CONFLICT: terms('UNAVAILABLE', 'unknown', 'Another transaction was in the way; a repeat may do better.'),
  STORE_HELD: terms(
    'DEADLINE_EXCEEDED',
    'faulty',
    'A handler held the writer of the database for longer than `holdLimit`; do what takes long before the first write.',
  ),
  STORE_POOL_EXHAUSTED: overload(
    'UNAVAILABLE',
    'faulty',
    'No connection to Postgres came free in time; shorten what handlers do, or make the pool larger.',
  ),
  STORE_SCHEMA: terms(
    'UNAVAILABLE',
    'faulty',
    "The store's tables are missing or of another version; the message says what to run.",
  ),
  STORE_UNAVAILABLE: terms(
    'UNAVAILABLE',
    'faulty',
    'The database failed; the disposition says whether the call was committed.',
  ),
} as const;

/** Of topics: publications, subscriptions, consumers. */
const topics = {
  BACK_PRESSURE: terms(
    'RESOURCE_EXHAUSTED',
    'unknown',
    'The server ended the subscription because it has too much to do.',
  ),
  CHAIN_BROKEN: terms('DATA_LOSS', 'unknown', 'Batches did not fit together again and again; accept RESET.'),
  CLIENT_DOES_NOT_READ: terms(
    'RESOURCE_EXHAUSTED',
    'unknown',
    'The client took nothing for too long; read faster, or conflate.',
  ),
  CONNECTION_FAULT: terms(
    'INTERNAL',
    'faulty',
    'The server failed on this connection; its log says why. Connect again.',
  ),
  COMMIT_OF_OTHER_HISTORY: terms(
    'FAILED_PRECONDITION',
    'sound',
    'The position is in no log that the topic has now; what was committed before stays.',
  ),
  CONSUMER_FENCED: terms('ABORTED', 'unknown', 'Another consumer runs under the same name; run one at a time.'),
  EPOCH_CHANGED: terms('ABORTED', 'unknown', 'The log is another one than was read before; begin anew.'),
  EXPECTATION_FAILED: terms('ABORTED', 'sound', 'The topic moved on; read it again, then publish.'),
  GROUP_OF_TOPICS: terms('INVALID_ARGUMENT', 'sound', 'An atomic group is of one topic.'),
  GROUP_SIZE: terms('INVALID_ARGUMENT', 'sound', 'A group has 1 to `maxGroup` updates.'),
  HEARTBEAT_LOST: terms(
    'UNAVAILABLE',
    'faulty',
    'The server was silent for too long; the subscription goes on by itself.',
  ),
  INVALID_CONFLATE: terms('INVALID_ARGUMENT', 'sound', 'There is no such way to conflate.'),
  INVALID_KEYS: terms('INVALID_ARGUMENT', 'sound', 'The keys cannot be subscribed to; the message says why.'),
  INVALID_MODE: terms('INVALID_ARGUMENT', 'sound', 'The topic has no such mode; the message says which it has.'),
  INVALID_START: terms('INVALID_ARGUMENT', 'sound', 'There is no such place to begin at.'),
  KEY_MISMATCH: terms('INVALID_ARGUMENT', 'sound', 'The key is not the one in the value.'),
  KEY_SIZE: terms('INVALID_ARGUMENT', 'sound', 'A key has at most 1,024 bytes.'),
  LOG_CHANGED: terms(
    'UNAVAILABLE',
    'unknown',
    'The log was changed from outside and is looked at anew; nothing was done.',
  ),
  MAY_NOT_PUBLISH: terms('PERMISSION_DENIED', 'sound', "Clients publish only where the server's `authorize` says so."),
  MERGE_FAILED: terms(
    'DATA_LOSS',
    'unknown',
    'Updates could not be merged into one; the merge function of the topic threw.',
  ),
  NO_EMPTY_SET: terms(
    'FAILED_PRECONDITION',
    'unknown',
    'The server is older and takes a subscription to no keys for one to all; name a key, or end it.',
  ),
  NO_SUCH_TOPIC: terms(['NOT_FOUND', 'INVALID_ARGUMENT'], 'sound', 'The server declares no topic of this name.'),
  NOT_KEYED: terms('INVALID_ARGUMENT', 'sound', 'The topic has no keys, so nothing of it is deleted or expires.'),
  OVERFLOW: terms('ABORTED', 'unknown', 'The subscription fell behind by more than it may; read faster, or conflate.'),
  PRODUCER: terms('INVALID_ARGUMENT', 'sound', 'A producer has a name and numbers its publications from 1.'),
  PRODUCER_SEQ_PASSED: terms(
    'ABORTED',
    'sound',
    'The number of the producer is below one that was published; number publications upwards.',
  ),
  PRODUCER_SEQ_REUSED: terms(
    'ABORTED',
    'sound',
    'A part of the group was published before; publish a group again as it was.',
  ),
  PROTOCOL: terms(
    'INTERNAL',
    'faulty',
    'The server broke the subscription protocol; compare the versions of both sides.',
  ),
  REPLICA_TOO_LARGE: terms(
    'RESOURCE_EXHAUSTED',
    'unknown',
    'The state is larger than the subscription holds; raise `maxKeys` or `maxBytes`.',
  ),
  SERVER_ERROR: terms(
    ['UNAVAILABLE', 'FAILED_PRECONDITION'],
    'unknown',
    'The server ended the session; the message has its words.',
  ),
  STORE_FAILED: terms('ABORTED', 'unknown', "The topic's store cannot be read; see the server's log."),
  TOO_MANY_KEYS: terms('RESOURCE_EXHAUSTED', 'unknown', 'The subscription has more keys than the server allows.'),
  TOO_MANY_PUBLISHING: terms(
    'RESOURCE_EXHAUSTED',
    'unknown',
    'Too many publications are not answered yet; wait for some.',
  ),
  TOO_MANY_AMENDMENTS: terms(
    'RESOURCE_EXHAUSTED',
    'unknown',
    'A subscription was changed again and again before the first change was decided on; wait for that.',
  ),
  TOO_MANY_SUBSCRIPTIONS: terms(
    ['RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION'],
    'unknown',
    'A connection has as many subscriptions as it may; end some, or use another client.',
  ),
  TOO_MANY_KEYS_OF_CALLER: terms(
    'RESOURCE_EXHAUSTED',
    'unknown',
    'The subscriptions of one caller name as many keys as they may; name fewer, or raise `maxKeysPerCaller`.',
  ),
  TOO_MANY_SESSIONS_OF_CALLER: terms(
    'RESOURCE_EXHAUSTED',
    'unknown',
    'One caller has as many sessions of polls as it may; close some, or raise `maxSessionsPerCaller`.',
  ),
  TOO_MANY_SUBSCRIPTIONS_OF_CALLER: terms(
    'RESOURCE_EXHAUSTED',
    'unknown',
    'One caller has as many subscriptions as it may; end some, or raise `maxSubscriptionsPerCaller`.',
  ),
  TOO_MANY_TOPICS: terms(
    'RESOURCE_EXHAUSTED',
    'unknown',
    'The server has as many topics as it may, or its clients as many as they may hold; raise `maxTopics`.',
  ),
  TOO_MANY_TOPICS_OF_CALLER: terms(
    'RESOURCE_EXHAUSTED',
    'unknown',
    'One caller has as many topics as it may at once; end some subscriptions, or raise `maxTopicsPerCaller`.',
  ),
  TOPIC_FULL: terms(
    'RESOURCE_EXHAUSTED',
    'unknown',
    'The topic has as many keys as it may; delete some, or raise `maxKeys`.',
  ),
  TOPIC_GAP: terms(
    'ABORTED',
    'unknown',
    'Updates were lost for a plain reader; call again for a snapshot, or subscribe.',
  ),
  TOPIC_RESET: terms(
    'ABORTED',
    'unknown',
    'The state that a plain reader has is void; call again for a snapshot, or subscribe.',
  ),
  TOPIC_TOO_LONG: terms(
    'RESOURCE_EXHAUSTED',
    'unknown',
    'The log holds more than one answer may; subscribe, or poll from where you are.',
  ),
  TRANSACTION_OVER: terms(
    'FAILED_PRECONDITION',
    'sound',
    'The transaction of the call was rolled back before the publication; await publications before the handler ends.',
  ),
  TTL: terms('INVALID_ARGUMENT', 'sound', 'A time to live is a whole number of ms.'),
  UNRECOVERABLE: terms(
    ['DATA_LOSS', 'ABORTED'],
    'unknown',
    'What is missing is not in the log any more; accept RESET to begin with a snapshot.',
  ),
  UNSUBSCRIBED: terms('ABORTED', 'unknown', 'The server ended the subscription; the message has its words.'),
  VALUE_MALFORMED: terms('INVALID_ARGUMENT', 'sound', 'What is published is no message of the topic.'),
  VALUE_SIZE: terms('INVALID_ARGUMENT', 'sound', 'An update is over `maxValueBytes`; split it, or raise the limit.'),
  VERSION: terms(
    'FAILED_PRECONDITION',
    'unknown',
    'Server and client have no version of the subscription protocol in common.',
  ),
  VIEW_CHANGED: terms('ABORTED', 'sound', 'What the caller may see of the topic has changed; call again.'),
} as const;

/** Of connections that are closed for what their peer did: in logs and `hawser.limits.refused`; their calls end as CONNECTION_LOST. */
const connections = {
  FRAME_TIMEOUT: terms(
    'UNAVAILABLE',
    'unknown',
    'A Thrift frame was begun and nothing more of it came; see `frameTimeoutMs`.',
  ),
  FRAME_TOO_SLOW: terms(
    'UNAVAILABLE',
    'unknown',
    'A Thrift frame came too slowly; see `minFrameRate` and `wholeFrameMs`.',
  ),
  CONNECTION_IDLE: terms(
    'UNAVAILABLE',
    'unknown',
    'No call came on the connection for long; see `maxConnectionIdle` and `idleMs`.',
  ),
  OPENING_TIMEOUT: terms(
    'UNAVAILABLE',
    'unknown',
    'A connection did not come to its first call: no protocol, or no end of the TLS handshake; see `openingTimeout`.',
  ),
  OPENING_UNKNOWN: terms(
    'UNAVAILABLE',
    'unknown',
    'A connection began with what is not served at that port; the log says what it looks like.',
  ),
  OUTPUT_UNREAD: terms('UNAVAILABLE', 'unknown', 'The peer asked and did not read its answers; see `maxOutputBytes`.'),
  SERVER_BYTES: terms(
    'UNAVAILABLE',
    'unknown',
    'The connections of the server held too much together, and this one most; see `maxServerBytes`.',
  ),
  TLS_HANDSHAKE: terms('UNAVAILABLE', 'unknown', 'The handshake of TLS failed; the log has the words of OpenSSL.'),
} as const;

/** Said by versions of before, and still understood. */
const retired = {
  REPLY_TOO_LARGE: terms('RESOURCE_EXHAUSTED', 'unknown', 'Now MESSAGE_TOO_LARGE.'),
  REQUEST_TOO_LARGE: terms('RESOURCE_EXHAUSTED', 'unknown', 'Now MESSAGE_TOO_LARGE.'),
} as const;

/** The table, in the order of docs/errors.md. */
export const reasonGroups = { both, client, server, keyed, topics, thrift, connections, retired } as const;

const current = { ...both, ...client, ...server, ...keyed, ...topics, ...thrift, ...connections } as const;

/** What the runtime may give as the reason of an error of its own. */
export type Reason = keyof typeof current;

export const reasons: Readonly<Record<Reason, ReasonTerms>> = current;

const known = new Map<string, ReasonTerms>(Object.entries({ ...current, ...retired }));

export function isReason(text: string): text is Reason {
  return Object.hasOwn(current, text);
}

/** The terms of one of Hawser's own reasons, also of a retired one; undefined for any other text. */
export function reasonTerms(reason: string): ReasonTerms | undefined {
  return known.get(reason);
}
