"""Errors of growing length: each is read whole, and the connection goes on. Prints what it read."""
import sys

sys.path.insert(0, sys.argv[2])
from long_errors import Errors
from thrift.protocol import TBinaryProtocol, TCompactProtocol, THeaderProtocol
from thrift.Thrift import TApplicationException
from thrift.transport import THeaderTransport, TSocket, TTransport

for name in ("binary", "accelerated", "compact", "header"):
    socket = TSocket.TSocket("127.0.0.1", int(sys.argv[1]))
    socket.setTimeout(5000)
    if name == "header":
        protocol = THeaderProtocol.THeaderProtocol(socket, (THeaderTransport.THeaderClientType.HEADERS,))
        transport = protocol.trans
    else:
        transport = TTransport.TFramedTransport(socket)
        protocol = {
            "binary": TBinaryProtocol.TBinaryProtocol,
            "accelerated": TBinaryProtocol.TBinaryProtocolAccelerated,
            "compact": TCompactProtocol.TCompactProtocol,
        }[name](transport)
    transport.open()
    client = Errors.Client(protocol)
    for length in (20, 127, 128, 300, 5000):
        try:
            client.fail(length)
        except TApplicationException as error:
            print(name, length, error.type, len(error.message), client.ping())
    transport.close()
