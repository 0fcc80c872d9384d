// Every type that Debian's compiler (0.17) knows, in every place a type can stand. Its uuid is younger.
namespace py everything

enum Level { LOW = 1, HIGH = 2 }

struct Inner {
  1: optional bool flag,
  2: optional string text,
  300: optional i32 far,
}

struct Everything {
  1: optional bool b,
  2: optional i8 small,
  3: optional i16 medium,
  4: optional i32 large,
  5: optional i64 huge,
  6: optional double real,
  7: optional string text,
  8: optional binary bytes,
  9: optional Level level,
  10: optional Inner inner,
  11: optional list<bool> bools,
  12: optional list<i8> smalls,
  13: optional list<i16> mediums,
  14: optional list<i32> larges,
  15: optional list<i64> huges,
  16: optional list<double> reals,
  17: optional list<string> texts,
  18: optional list<binary> blobs,
  19: optional list<Inner> inners,
  20: optional list<list<i32>> grid,
  21: optional set<string> names,
  22: optional set<i32> ids,
  23: optional map<string, string> labels,
  24: optional map<i32, bool> switches,
  25: optional map<bool, i64> totals,
  26: optional map<i64, Inner> byId,
  27: optional list<map<string, list<double>>> series,
  28: optional map<string, set<i16>> groups,
  29: optional Everything nested,
  45: optional bool near,
  400: optional i32 far,
  32767: optional bool last,
}
