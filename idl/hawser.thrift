/**
 * Subscriptions for Thrift clients, which have no streams: by long polling. Batches, positions, gaps and resets are those
 * of proto/hawser/subscription/v1/subscription.proto, under the same numbers, and mean the same.
 *
 * Open, then poll until an answer has `unsubscribed` or `go_away`, or a call fails; then open again with RESUME from the
 * position that is held. A batch is applied where its `from` is the position that is held; otherwise an answer was lost on its
 * way: open again with RESUME too. Nothing else is needed to lose nothing.
 */
namespace * hawser.subscription.v1

/** A place in the log of a topic: all updates up to and including `seq`. 0 is before the first. */
struct Position {
  /** 16 random bytes, made when the log is; another log never has the same. */
  1: binary epoch,
  2: i64 seq,
  /** 8 random bytes that name the run of the server that appended the update `seq`; absent where it is not known. */
  3: optional binary generation,
}

/** One change. In MERGE it may stand for several, and holds what they come to. */
struct Update {
  1: i64 seq,
  /** Empty where the topic has no key. */
  2: string key,
  /**
   * Empty for a tombstone; else in Thrift's binary protocol what a function that returns the update would answer: a struct
   * whose field 0 it is. Protobuf where the topic is declared in proto.
   */
  3: binary value,
  /** The key is deleted. */
  4: bool tombstone,
  /** How many updates of the log this one stands for; 0 is 1. */
  8: i32 merged_count,
  /** When it was published, ms since the Unix epoch by the server's clock. */
  9: i64 time,
  /** When the key expires unless it is updated, ms since the Unix epoch; 0 is never. */
  10: i64 expires,
  /**
   * The last update of the atomic group that this one is of; absent for the last one, for one that stands alone, and in the parts
   * of a batch, which all are of one group. No position between the two is one to keep.
   */
  11: optional i64 group_to,
}

/** What happens to updates that a slow subscriber has not taken. */
enum Mode {
  /** As the topic is declared. */
  Declared = 0,
  Every = 1,
  Latest = 2,
  Merge = 3,
}

/** What became of a subscription; as a list, what the subscriber accepts. */
enum Outcome {
  Unspecified = 0,
  /** Begins as asked. */
  Fresh = 1,
  /** Every update since the position follows. */
  Replay = 2,
  /** The newest update of each key that changed since the position follows, tombstones included. */
  Conflated = 3,
  /** What the subscriber holds is worth nothing; a snapshot follows where the topic has keys. */
  Reset = 4,
  /** Some updates are lost: `gap` says which, and the rest follows. */
  Gap = 5,
}

enum StartKind {
  /** SNAPSHOT where the topic has keys, else HEAD. */
  Default = 0,
  /** What is published from now on. */
  Head = 1,
  /** The newest update of each key, then what is published. */
  Snapshot = 2,
  /** After `epoch` and `seq`. */
  Resume = 3,
  /** `seq` and what follows it, whatever the epoch. */
  FromSeq = 4,
  /** What was published at `time` or later, as far as the log reaches back. */
  FromTime = 5,
  /** The last `count` updates, as far as the log reaches back. */
  LastN = 6,
}

struct Start {
  1: StartKind kind = StartKind.Default,
  2: binary epoch,
  3: i64 seq,
  /** ms since the Unix epoch. */
  4: i64 time,
  5: i32 count,
  /** Of Resume: the generation of `seq`; where another one has appended that update the answer is a reset. */
  6: optional binary generation,
  /** Of Resume: the newest update that is held, where that is another than `seq` names; it is judged in the same way. */
  7: optional Position held,
  /**
   * Of Resume: `subscribed.view` of what is held. It grants nothing: where the subscriber may see something else now the answer is a
   * reset, unless it takes every update and does not accept one.
   */
  8: optional binary view,
}

/** Which keys are wanted. */
enum Scope {
  /** Those in `keys`, and all where there are none: what a client means that does not say. */
  Unspecified = 0,
  /** All; `keys` is empty. */
  All = 1,
  /** Those in `keys`, and nothing where there are none. */
  Named = 2,
}

struct OpenRequest {
  /** `market.v1.Quotes/Prices`; parameters of a topic follow as `?` and canonical JSON. */
  1: string topic,
  /** Only these keys; see `scope`. */
  2: list<string> keys,
  3: Start start,
  /** What the subscriber puts up with when it cannot have all; empty is what the topic's recovery says. */
  4: list<Outcome> accept,
  5: Mode mode = Mode.Declared,
  /** The name that commits are kept under; empty keeps none. */
  6: string durable_name,
  /** Batches that are `partial` are put together. To others an atomic group comes in one answer, however large. */
  7: optional bool takes_parts,
  8: optional Scope scope,
}

struct Opened {
  /** What the other calls name it by; a secret, since whoever has it may poll. */
  1: string session,
  /** ms without a poll after which the server forgets the session. */
  2: i32 idle_ms,
  /** ms that a poll waits at most, whatever it asks for. */
  3: i32 max_wait_ms,
  /** A poll for 0 updates is understood. Absent from servers that refuse it. */
  4: optional bool tells_head,
}

/** Begins a chain of batches: first of all, and again after each reset. */
struct Subscribed {
  2: i32 ref,
  3: binary epoch,
  4: i64 head,
  5: Outcome outcome = Outcome.Unspecified,
  /** The position that the first batch begins at. Where a snapshot follows, snapshot_begin.at is. */
  6: i64 from_seq,
  8: bool keyed,
  /** The generation of `from_seq`. */
  9: optional binary generation,
  /** Names what the subscriber is shown: the keys that it asked for, as far as it may see them. A later Resume says it. */
  10: optional binary view,
  /** All or Named; absent from a server that takes no keys for all, whatever the request says. */
  11: optional Scope scope,
}

struct SnapshotBegin {
  2: i32 ref,
  3: binary epoch,
  /** The position that the first batch after the snapshot begins at. */
  4: i64 at,
  /** The generation of `at`. */
  6: optional binary generation,
}

struct SnapshotChunk {
  2: i32 n,
  4: list<Update> entries,
}

struct SnapshotEnd {
  2: i64 at,
  /** What is held is a state of the topic only from this position on. */
  3: i64 consistent_at,
  4: i64 count,
  /** CRC32C over the seq of every entry in the order they came, each as 8 bytes, big-endian. */
  5: i64 checksum,
}

/** Applied to a replica at `from_seq` this gives a replica at `to_seq`; what is not listed was conflated or filtered. */
struct Batch {
  1: i32 ref,
  2: i64 from_seq,
  3: i64 to_seq,
  4: list<Update> updates,
  /** The generation of `to_seq`, where it is another than that of `from_seq`. */
  5: optional binary generation,
  /** The generation of the newest update, where that is after `to_seq` and of another generation. */
  6: optional binary ahead_generation,
  /** Held back until the next batch that is not partial, and applied together with it; a gap or a reset voids it. */
  7: optional bool partial,
}

/** All updates of the chain up to `delivered_to` have been sent. */
struct Progress {
  1: i32 ref,
  2: binary epoch,
  3: i64 delivered_to,
  4: i64 head,
  /** The oldest update that the log still holds; head + 1 when it holds none. 0 where it is not known. */
  5: i64 first,
  /** The generation of `delivered_to`. */
  6: optional binary generation,
}

enum GapReason {
  Unspecified = 0,
  Trimmed = 1,
  Overflow = 2,
  Limit = 3,
}

/** The updates after `from_seq` up to `to_seq` are lost; the chain goes on at `to_seq`. */
struct Gap {
  2: i32 ref,
  3: i64 from_seq,
  4: i64 to_seq,
  5: GapReason reason = GapReason.Unspecified,
  /** The generation of `to_seq`. */
  6: optional binary generation,
}

enum ResetReason {
  Unspecified = 0,
  EpochChanged = 1,
  EpochViolation = 2,
  Trimmed = 3,
  TooFar = 4,
  ViewChanged = 5,
  Operator = 6,
}

/** What the subscriber holds must go. `subscribed` and a snapshot follow. */
struct Reset {
  2: ResetReason reason = ResetReason.Unspecified,
  3: binary epoch,
}

/** The end of the subscription; the session is gone with it. */
struct Unsubscribed {
  /** UPPER_SNAKE. */
  2: string code,
  3: bool retryable,
  4: i32 retry_after_ms,
  /** For people. */
  6: string message,
  /** The code of gRPC that a call which is refused for the same reason ends with. */
  7: optional i32 status,
}

/** The server is about to stop: open again, at a random time within the window. */
struct GoAway {
  1: string reason,
  2: i32 window_ms,
}

union Event {
  1: Batch batch,
  2: Progress progress,
  4: Subscribed subscribed,
  5: SnapshotBegin snapshot_begin,
  6: SnapshotChunk snapshot_chunk,
  7: SnapshotEnd snapshot_end,
  8: Gap gap,
  9: Reset reset,
  11: Unsubscribed unsubscribed,
  14: GoAway go_away,
}

exception SubscriptionError {
  /** UPPER_SNAKE: NO_SUCH_TOPIC, UNRECOVERABLE, NO_SUCH_SESSION, ... */
  1: string code,
  2: string message,
  /** Open again with RESUME, after `retry_after_ms`. */
  3: bool retryable,
  4: i32 retry_after_ms,
}

service Subscriptions {
  /** Begins a subscription; what the server says to it is in the first poll. */
  Opened open(1: OpenRequest request) throws (1: SubscriptionError error) (hawser.timeout = "10s"),

  /**
   * What came since the last poll, in order: as soon as there is something, and an empty list after `wait_ms`. With at most
   * `max` updates and entries of snapshots, and 10,000 whatever it says, but for one atomic group, which is never cut. A `max` of 0 is for a
   * client that has no room: it gets what comes before the next update or entry, and `progress` as soon as the head is another
   * than it was told. While nobody polls for updates, the server conflates or waits. An answer that is lost is not repeated: the next batch shows it. One poll at a time: another one ends
   * the one before.
   */
  list<Event> poll(1: string session, 2: i32 max, 3: i32 wait_ms) throws (1: SubscriptionError error)
      (hawser.timeout = "60s"),

  /** Everything up to the position is processed; kept under the subscription's durable name. */
  void commit(1: string session, 2: Position position) throws (1: SubscriptionError error)
      (hawser.timeout = "10s", hawser.idempotency = "IDEMPOTENT"),

  /** Ends a subscription; of one that is gone, does nothing. */
  void close(1: string session) (hawser.timeout = "10s", hawser.idempotency = "IDEMPOTENT"),
} (hawser.version = "1.2.0")
