// What the benches send over Thrift: the same for every subject.
namespace * bench

struct TimeStamp {
  1: i16 year,
  2: i16 month,
  3: i16 day,
  4: i16 hour,
  5: i16 minute,
  6: i16 second,
  7: optional i32 micros,
}

// A typical struct: nested, a list, a map, a 64-bit number.
struct Trade {
  1: required string fish,
  2: double price,
  3: i32 pounds,
  4: TimeStamp date_time,
  5: i32 market,
  6: i64 sequence,
  7: bool settled,
  8: list<string> parties,
  9: map<string, string> tags,
}

service Echo {
  string say(1: string body),
}
