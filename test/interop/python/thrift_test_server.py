"""ThriftTest and SecondService on Apache Thrift for Python.

usage: thrift_test_server.py GENPY PROTOCOL TRANSPORT SERVER [multiplexed]
Prints its port. What testOneway got comes back from a multiplexed secondtestString("oneways").
"""
import socket
import sys

sys.path.insert(0, sys.argv[1])

from thrift.Thrift import TException  # noqa: E402
from thrift.TMultiplexedProcessor import TMultiplexedProcessor  # noqa: E402
from thrift.server import TNonblockingServer, TServer  # noqa: E402
from thrift.transport import TSocket  # noqa: E402
from thrift_test_wire import EVERY_CLIENT, protocol_factory, transport_factory  # noqa: E402
from ThriftTest import SecondService, ThriftTest  # noqa: E402
from ThriftTest.ttypes import Insanity, Xception, Xception2, Xtruct  # noqa: E402

wire, framing, kind = sys.argv[2:5]
oneways = []


class Handler:
    def testVoid(self):
        pass

    def testException(self, arg):
        if arg == "Xception":
            raise Xception(errorCode=1001, message=arg)
        if arg == "TException":
            raise TException("not declared")

    def testMultiException(self, arg0, arg1):
        if arg0 == "Xception":
            raise Xception(errorCode=1001, message="This is an Xception")
        if arg0 == "Xception2":
            raise Xception2(errorCode=2002, struct_thing=Xtruct(string_thing="This is an Xception2"))
        return Xtruct(string_thing=arg1)

    def testMapMap(self, hello):
        return {-4: {i: i for i in (-4, -3, -2, -1)}, 4: {i: i for i in (1, 2, 3, 4)}}

    def testInsanity(self, argument):
        return {1: {2: argument, 3: argument}, 2: {6: Insanity()}}

    def testMulti(self, arg0, arg1, arg2, arg3, arg4, arg5):
        return Xtruct(string_thing="Hello2", byte_thing=arg0, i32_thing=arg1, i64_thing=arg2)

    def testOneway(self, secondsToSleep):
        oneways.append(secondsToSleep)

    def secondtestString(self, thing):
        return repr(oneways) if thing == "oneways" else 'testString("%s")' % thing


def echo(self, thing):
    return thing


for name in "String Bool Byte I32 I64 Double Binary Struct Nest Map StringMap Set List Enum Typedef".split():
    setattr(Handler, "test" + name, echo)

handler = Handler()
processor = ThriftTest.Processor(handler)
if "multiplexed" in sys.argv[5:]:
    processor = TMultiplexedProcessor()
    processor.registerProcessor("ThriftTest", ThriftTest.Processor(handler))
    processor.registerProcessor("SecondService", SecondService.Processor(handler))

probe = socket.socket()
probe.bind(("127.0.0.1", 0))
port = probe.getsockname()[1]
probe.close()
listener = TSocket.TServerSocket("127.0.0.1", port)
protocol = protocol_factory(wire, EVERY_CLIENT)
if kind == "TNonblockingServer":
    server = TNonblockingServer.TNonblockingServer(processor, listener, inputProtocolFactory=protocol)
    server.prepare()
else:
    server = getattr(TServer, kind)(processor, listener, transport_factory(framing), protocol)
    listener.listen()
    listener.listen = lambda: None
print(port, flush=True)
server.serve()
