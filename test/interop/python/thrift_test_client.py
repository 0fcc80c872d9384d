"""Calls every method of ThriftTest with values at the edges of their types.

usage: thrift_test_client.py GENPY PORT PROTOCOL TRANSPORT [multiplexed]
Prints one JSON object: how many answers were compared, by method, and those that were wrong.
"""
import json
import math
import struct
import sys

sys.path.insert(0, sys.argv[1])

from thrift.Thrift import TApplicationException  # noqa: E402
from thrift.protocol import TMultiplexedProtocol  # noqa: E402
from thrift.transport import TSocket  # noqa: E402
from thrift_test_wire import protocol_factory, transport_factory  # noqa: E402
from ThriftTest import SecondService, ThriftTest  # noqa: E402
from ThriftTest.ttypes import Insanity, Numberz, Xception, Xception2, Xtruct, Xtruct2  # noqa: E402

port, wire, framing = int(sys.argv[2]), sys.argv[3], sys.argv[4]
multiplexed = "multiplexed" in sys.argv[5:]
compared = {}
wrong = []


def check(name, got, want):
    compared[name] = compared.get(name, 0) + 1
    if got != want:
        wrong.append("%s: %.200r is not %.200r" % (name, got, want))


def echoes(name, *values):
    for value in values:
        check(name, getattr(client, name)(value), value)


def raises(name, kind, *args):
    try:
        got = getattr(client, name)(*args)
    except kind as error:
        compared[name] = compared.get(name, 0) + 1
        return error
    wrong.append("%s%r returned %r and did not raise %s" % (name, args, got, kind.__name__))
    return None


def bits(double):
    return struct.pack(">d", double)


socket = TSocket.TSocket("127.0.0.1", port)
socket.setTimeout(20000)
trans = transport_factory(framing).getTransport(socket)
base = protocol_factory(wire).getProtocol(trans)


def service(kind, name):
    return kind.Client(TMultiplexedProtocol.TMultiplexedProtocol(base, name) if multiplexed else base)


client = service(ThriftTest, "ThriftTest")
trans.open()

xtruct = Xtruct(string_thing="Zürich", byte_thing=-128, i32_thing=-(2**31), i64_thing=-(2**63))
blank = Xtruct(string_thing="", byte_thing=0, i32_thing=0, i64_thing=0)
insanity = Insanity(userMap={Numberz.FIVE: 2**63 - 1, 77: 0}, xtructs=[xtruct, blank])

check("testVoid", client.testVoid(), None)
echoes("testString", "", "plain", "\0 nul", "\b\t\n/\\\r{}:パイソン\"", "e\u0301 ẞ ß ﷽ 🐟🏳️‍🌈", "x" * 100000, "🐟" * 5000)
echoes("testBool", True, False)
echoes("testByte", 0, 1, -1, 63, 127, -127, -128)
echoes("testI32", 0, 1, -1, 127, 128, -65536, 2**31 - 1, -(2**31))
echoes("testI64", 0, 1, -1, -34359738368, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63))
for double in (0.0, -0.0, 1.0, -1.0, -5.235098235, -0.000341012439638598279, math.pi, 5e-324, 2.0**-1022, 1.7976931348623157e308, math.inf, -math.inf):
    check("testDouble", bits(client.testDouble(double)), bits(double))
check("testDouble", math.isnan(client.testDouble(math.nan)), True)
echoes("testBinary", b"", bytes(range(256)), b"\0", b"\xff\xfe" * 50000)
echoes("testStruct", xtruct, blank)
echoes("testNest", Xtruct2(byte_thing=127, struct_thing=xtruct, i32_thing=-1), Xtruct2(byte_thing=0, struct_thing=blank, i32_thing=0))
echoes("testMap", {}, {0: 1, 1: 2, 2: 3, 3: 4, -1: -2}, {2**31 - 1: -(2**31), -(2**31): 2**31 - 1}, {i: -i for i in range(5000)})
echoes("testStringMap", {}, {"a": "123", " x y ": " with spaces ", "same": "same", "": "", "__proto__": "constructor", "é": "🐟"})
echoes("testSet", set(), {8, 1, 42}, {2**31 - 1, -(2**31)}, set(range(-500, 500)))
for length in (0, 1, 14, 15, 16, 127, 128, 10000):
    echoes("testList", [i * -7919 for i in range(length)])
echoes("testEnum", Numberz.ONE, Numberz.TWO, Numberz.THREE, Numberz.FIVE, Numberz.SIX, Numberz.EIGHT, 77, -1)
echoes("testTypedef", 0xFFFFFFFFFFFFFF, -(2**63))
check("testMapMap", client.testMapMap(42), {-4: {i: i for i in (-4, -3, -2, -1)}, 4: {i: i for i in (1, 2, 3, 4)}})
empty = Insanity(userMap={}, xtructs=[])
for argument in (insanity, empty):
    check("testInsanity", client.testInsanity(argument), {1: {2: argument, 3: argument}, 2: {6: empty}})
multi = client.testMulti(-128, 0xFF00FF, 0xFFFFFFFFD0D0, {0: "abc", -32768: "", 32767: "é"}, Numberz.FIVE, 0xF0F0F0)
check("testMulti", multi, Xtruct(string_thing="Hello2", byte_thing=-128, i32_thing=0xFF00FF, i64_thing=0xFFFFFFFFD0D0))

check("testException", client.testException("Safe"), None)
check("testException", raises("testException", Xception, "Xception"), Xception(errorCode=1001, message="Xception"))
undeclared = raises("testException", TApplicationException, "TException")
check("testException", undeclared.type, TApplicationException.INTERNAL_ERROR)
check("testException", "not declared" in undeclared.message, False)
error = raises("testMultiException", Xception, "Xception", "ignore")
check("testMultiException", error, Xception(errorCode=1001, message="This is an Xception"))
error = raises("testMultiException", Xception2, "Xception2", "ignore")
check("testMultiException", error.errorCode, 2002)
check("testMultiException", error.struct_thing.string_thing, "This is an Xception2")
check("testMultiException", client.testMultiException("success", "foobar").string_thing, "foobar")

for seconds in (1, -1):
    check("testOneway", client.testOneway(seconds), None)
echoes("testString", "in step after a oneway call")

check("secondtestString", service(SecondService, "SecondService").secondtestString("foobar"), 'testString("foobar")')

trans.close()
print(json.dumps({"compared": compared, "wrong": wrong}))
