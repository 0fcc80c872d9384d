// The service of the interop tests: generated for Python by the Apache compiler, described by hand in parley.ts.
namespace py parley

exception Refused {
  1: string why
  2: i32 code
}

service Parley {
  void ping()
  string echo(1: string text)
  i32 add(1: i32 a, 2: i32 b)
  binary blob(1: i32 size)
  string slow(1: string text)
  string refuse(1: string why) throws (1: Refused refused)
  string fail(1: string message)
  string header(1: string name)
  oneway void note(1: string text)
}

service Harbour {
  string echo(1: string text)
  string berth(1: i32 number)
}
