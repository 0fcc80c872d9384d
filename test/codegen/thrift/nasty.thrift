include "sub/shared.thrift"
include "other/shared2.thrift"
include "defineStruct.thrift"
include "a-b.thrift"
/** doc with */
namespace js nasty.space
enum E { A, B = 5, __proto__, constructor, toString = 7, a.b = 9, class = 10, default }
enum Empty {}
struct Map { 1: map<string, i32> m, 2: set<string> s, 3: binary b }
struct Set { 1: set<i32> s }
struct Error { 1: string message }
struct Object { 1: i32 a }
struct Uint8Array { 1: binary a }
struct BigInt { 1: i64 a }
struct Promise { 1: Promise p }
struct Omit { 1: i32 a }
struct ReadonlyMap { 1: i32 a }
struct ReadonlySet { 1: i32 a }
struct undefined {}
struct NaN {}
struct globalThis {}
struct number {} 
struct any {}
struct class {}
struct type {}
struct keyof {}
struct unique {}
struct await {}
struct Array {1: list<i32> a}
struct Number {}
struct String {}
struct Symbol {}
struct Record {}
struct Partial {}
struct Readonly {}
struct defineStruct { 1: i32 a }
struct StructCodec { 1: StructCodec c }
struct Codec {}
struct defineService {}
struct unary {}
struct resultCodec {}
struct DeclaredError {}
struct describeError {}
struct constant {}
struct w { 1: w w, 2: list<w> v, 3: i32 r }
struct v { 1: optional v v }
struct r { 1: required r2 r, 2: map<r2, list<r2>> f, 3: set<r2> size, 4: map<binary, i32> i, 5: list<list<set<i32>>> list, 6: map<list<i32>, map<i32, list<string>>> mm }
struct r2 { 1: required i32 a }
struct f { 1: f f, 2: i32 known, 3: i32 unknown }
struct item { 1: list<item> item, 2: map<string,item> key, 3: i32 size, 4: i32 i }
struct shared { 1: i32 shared }
typedef map<string, string> Dict
typedef list<Dict> Dicts
typedef E EE
typedef shared Sh
struct Keywords { 1: i32 list; 2: i32 service, 3: i32 union, 4: i32 required, 5: i32 then, 6: i32 constructor, 7: i32 __proto__, 8: i32 prototype, 9: i32 class, 10: i32 default, 11: i32 function, 12: i32 toString, 13: i32 to_string, 14: i32 hasOwnProperty, 15: i32 _, 16: i32 _1, 17: i32 foo_bar, 18: i32 fooBar, 19: i32 this, 20: i32 arguments, 21: i32 eval, 22: i32 await, 23: i32 yield, 24: i32 let, 25: i32 static, 26: i32 undefined, 27: i32 init, 28: i32 Map, 29: i32 Trade, 30: i32 missingRequired, 31: required i32 requiredUnset, 32: i32 shared, 33: i32 nasty, 34: i32 async, 35: i32 of}
union U { 1: i32 value, 2: string w, 3: U v, 4: list<U> known = [], 5: Keywords keywords, 6: i32 then, 7: i32 constructor }
union EmptyUnion {}
exception X { 1: i32 message, 2: string name, 3: string stack, 4: string cause, 5: i32 constructor, 6: i32 then, 7: X x, 8: list<X> xs, 9: string to_string }
exception Y { 1: required string message, 2: i32 code = 5, 3: optional string toString }
exception Z { 1: optional string message; 2: required i32 a }
exception Init {}
exception XInit {}
struct Empties {}
/** multi */ struct Ns { i32 a, i32 b, -5: i32 c, 0: i32 d, 40000: i32 e }
const i32 A = 5
const EE E2 = B
const i32 Map = 4
const Dict D = {"a": "b", "__proto__": "x"}
const Dicts DS = [{"a": "b"}, {}]
const list<i64> L = [1, -5, 0x10, 9223372036854775807]
const map<i64, double> MM = {1: 2, 3: .5, -1: -0.0}
const set<string> S = ["x", "x"]
const set<binary> SB = ["x", "y"]
const map<list<i32>, string> ML = {[1,2]: "x"}
const r2 R2 = {"a": 5}
const r2 R3 = {}
const U UU = {"v": {"w": "deep"}}
const X XX = {"message": 4}
const uuid ID = "{00112233-4455-6677-8899-AABBCCDDEEFF}"
const double INF = 1e999
const bool BB = 1
const list<shared2.Thing> TH = [{"a": 1}]
const shared2.Kind K = shared2.Kind.ONE
const string STR = 'a"b\'c\\ \r\n\t ü */'
const binary BIN = "bytes"
const i64 I64E = E.B
struct Defaults { 1: Dict d = {"a": "b"}, 2: optional list<i32> l = [1], 3: required i32 r = 4, 4: E e = E.B, 5: U u = {"w": "x"}, 6: r2 r2 = {"a": 3}, 7: i64 i = 5, 8: bool b = true, 9: optional E oe = E.A, 10: uuid id, 11: uuid id2 = "00112233-4455-6677-8899-aabbccddeeff", 12: set<E> es = [E.A], 13: map<E, list<U>> me, 14: X x = {"message": 4}, 15: required list<string> rl = ["a"] }
service Sup { void then(), void constructor(), i32 toString(1: i32 a = 5, 2: Map m), void __proto__() }
service unionUnset extends Sup {
  /** doc of function */
  void ping(),
  oneway void fire(1: string s),
  oneway i32 odd(),
  Map getMap(1: Map m, 2: required U u) throws (1: X x, 2: Y y, 3: shared2.Boom boom),
  list<list<i32>> deep(1: set<r2> s), map<string, X> exs(), X ex(), binary bin(), E e(), EE ee(), Dict dict(), uuid u()
  void get_thing(), void getThing()
  list<item> watch(1: string w) (hawser.topic.key = "size", hawser.topic.mode="LATEST"),
}
service Child extends shared2.Base { void own() }
struct SupPingArgs {}
struct UnionUnsetPingArgs {}
struct unionUnsetPingArgs {}
