"""Serves Parley the way Python programs do; prints its port. Usage: python-server.py GENPY WIRE SERVER [option...]"""
import json
import socket
import sys

genpy, wire, kind = sys.argv[1], sys.argv[2], sys.argv[3]
options = set(sys.argv[4:])
sys.path.insert(0, genpy)

from parley import Harbour, Parley
from parley.ttypes import Refused
from thrift.protocol import TBinaryProtocol, TCompactProtocol, THeaderProtocol
from thrift.server import TServer
from thrift.TMultiplexedProcessor import TMultiplexedProcessor
from thrift.transport import THeaderTransport, TSocket, TTransport


class Handler:
    def __init__(self):
        self.notes = []

    def ping(self):
        pass

    def echo(self, text):
        return text

    def add(self, a, b):
        return a + b

    def blob(self, size):
        return b"\x07" * size

    def slow(self, text):
        return text

    def refuse(self, why):
        raise Refused(why, 7)

    def fail(self, message):
        raise Exception(message)

    def header(self, name):
        # Python keeps the headers on the protocol of the connection.
        headers = protocols[-1].get_headers()
        protocols[-1].set_header(b"x-answer", b"to " + name.encode())
        return headers.get(name.encode(), b"").decode()

    def note(self, text):
        self.notes.append(text)

    def berth(self, number):
        return json.dumps(self.notes) if number == 0 else "berth %d" % number


handler = Handler()
protocols = []


class HeaderFactory(THeaderProtocol.THeaderProtocolFactory):
    def getProtocol(self, trans):
        protocol = super().getProtocol(trans)
        if "zlib" in options:
            protocol.add_transform(THeaderTransport.THeaderTransformID.ZLIB)
        protocols.append(protocol)
        return protocol


processor = Parley.Processor(handler)
if "multiplexed" in options:
    processor = TMultiplexedProcessor()
    processor.registerProcessor("Parley", Parley.Processor(handler))
    processor.registerProcessor("Harbour", Harbour.Processor(handler))

probe = socket.socket()
probe.bind(("127.0.0.1", 0))
port = probe.getsockname()[1]
probe.close()
listener = TSocket.TServerSocket("127.0.0.1", port)
framing = TTransport.TBufferedTransportFactory() if wire == "header" or "buffered" in options else TTransport.TFramedTransportFactory()
protocol = {
    "binary": TBinaryProtocol.TBinaryProtocolFactory,
    "compact": TCompactProtocol.TCompactProtocolFactory,
    "header": HeaderFactory,
}[wire]()
server = getattr(TServer, kind)(processor, listener, framing, protocol)
listener.listen()
listener.listen = lambda: None
print(port, flush=True)
server.serve()
