/**
 * The fish market of the examples, for Thrift: the twin of proto/market/v1/market.proto.
 */
namespace * market.v1

/** Where fish is sold. */
enum Market {
  Unknown = 0,
  Portland = 1,
  Seattle = 2,
  SanFrancisco = 3,
  Vancouver = 4,
  Anchorage = 5,
}

/** US dollars. */
typedef double USD

/** A point in time, to the second or finer. */
struct TimeStamp {
  1: i16 year,
  2: i16 month,
  3: i16 day,
  4: i16 hour,
  5: i16 minute,
  6: i16 second,
  7: optional i32 micros,
}

/** How much fish, in the unit of the trade. */
union FishSizeUnit {
  1: i32 pounds,
  2: i32 kilograms,
  3: i16 standard_crates,
  4: double metric_tons,
}

/** One sale. */
struct Trade {
  1: string fish,
  2: USD price,
  3: FishSizeUnit amount,
  4: TimeStamp date_time,
  5: Market market = Market.Unknown,
}

/** There is no such fish. */
exception BadFish {
  1: string fish,
  2: i16 error_code,
}

/** Some of the fish asked for do not exist: code by name. */
exception BadFishes {
  1: map<string, i16> fish_errors,
}

/** What was sold. */
service TradeHistory {
  /** The most recent sale of a fish. */
  Trade GetLastSale(1: string fish) throws (1: BadFish bad_fish)
      (hawser.timeout = "500ms", hawser.idempotency = "NO_SIDE_EFFECTS"),

  /** The most recent sales of several. */
  list<Trade> GetLastSaleList(1: set<string> fish, 2: bool fail_fast = false)
      throws (1: BadFish bad_fish, 2: BadFishes bad_fishes)
      (hawser.timeout = "2s", hawser.idempotency = "NO_SIDE_EFFECTS"),
} (hawser.version = "1.0.0")

/** What was bought. */
struct Receipt {
  1: string order_id,
  2: i32 number,
  3: USD total,
}

/** Buying. */
service Orders {
  /** Buys fish, and charges for it once, however often the call is repeated. */
  Receipt PlaceOrder(1: string order_id, 2: string fish, 3: i32 pounds) throws (1: BadFish bad_fish)
      (hawser.timeout = "2s", hawser.max_timeout = "10s", hawser.idempotency = "KEYED", hawser.key_field = "order_id"),
} (hawser.version = "1.0.0")

/** A price as it is now. */
struct Price {
  1: string fish,
  /** A pound. */
  2: USD price,
  3: Market market = Market.Unknown,
  /** Counts the changes of all prices, from 1. */
  4: i64 seq,
}

/** Prices for those who must not miss one. */
service Quotes {
  /** The newest price of each fish, then every change: a topic, to subscribe to. */
  list<Price> Prices(1: list<string> keys)
      (hawser.topic.key = "fish", hawser.topic.mode = "LATEST", hawser.topic.recovery = "CONVERGENT",
       hawser.topic.history.count = "10000", hawser.topic.history.age = "1h"),
} (hawser.version = "1.0.0")
