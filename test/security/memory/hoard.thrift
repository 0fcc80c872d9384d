// Types whose values are much larger in memory than on the wire.
namespace js hoard

struct Nothing {}

union Either { 1: i32 number, 2: string text, 3: Nothing nothing, 4: list<Either> list }

exception Trouble { 1: string why, 2: i32 code, 3: list<i32> more }

struct Bag {
  1: list<Bag> bags,
  2: map<string, string> texts,
  3: binary bytes,
  4: i64 big,
  5: double real,
  6: set<string> names,
  7: optional list<Nothing> nothings,
  8: optional list<list<i32>> rows,
  9: optional map<i64, double> table,
  10: optional set<i64> ids,
  11: optional list<Either> eithers,
  12: optional list<Trouble> troubles,
  13: optional map<Nothing, Either> pairs,
  14: optional list<binary> blobs,
  15: optional list<uuid> uuids,
  16: optional list<double> doubles,
  17: optional list<string> lines,
  18: optional list<set<i32>> sets,
  19: optional list<map<i32, bool>> maps,
  20: optional list<i32> defaults = [1, 2, 3],
  21: optional set<binary> keys,
  22: optional map<binary, i64> sums,
}

struct Sparse {
  1: optional i32 a, 2: optional i32 b, 3: optional string c, 4: optional i64 d, 5: optional double e, 6: optional i32 f,
  7: optional i32 g, 8: optional string h, 9: optional i64 i, 10: optional double j, 11: optional bool k, 12: optional bool l,
  13: optional i32 m, 14: optional string n, 15: optional i64 o, 16: optional double p, 17: optional i32 q, 18: optional i32 r,
  19: optional list<string> s, 20: optional map<string, string> t, 21: optional Nothing u, 22: optional Either v, 23: optional i32 w,
}

struct Page { 1: list<Sparse> rows }

service Hoard { i32 Count(1: Bag bag), i32 Read(1: Page page) }
