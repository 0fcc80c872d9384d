"""Calls a Parley server the way Python programs do. Usage: python-client.py GENPY PORT WIRE [option...]"""
import json
import sys

genpy, port, wire = sys.argv[1], int(sys.argv[2]), sys.argv[3]
options = set(sys.argv[4:])
sys.path.insert(0, genpy)

from parley import Harbour, Parley
from parley.ttypes import Refused
from thrift.protocol import TBinaryProtocol, TCompactProtocol, THeaderProtocol, TMultiplexedProtocol
from thrift.Thrift import TApplicationException
from thrift.transport import THeaderTransport, TSocket, TTransport

socket = TSocket.TSocket("127.0.0.1", port)
socket.setTimeout(10000)
if wire == "header":
    trans = socket
    default = THeaderTransport.THeaderSubprotocolID.COMPACT if "compact" in options else THeaderTransport.THeaderSubprotocolID.BINARY
    # Strict: an answer in anything but THeader is an error.
    proto = THeaderProtocol.THeaderProtocol(socket, (THeaderTransport.THeaderClientType.HEADERS,), default)
    if "zlib" in options:
        proto.add_transform(THeaderTransport.THeaderTransformID.ZLIB)
else:
    trans = TTransport.TBufferedTransport(socket) if "buffered" in options else TTransport.TFramedTransport(socket)
    kinds = {
        "binary": TBinaryProtocol.TBinaryProtocol,
        "old": lambda t: TBinaryProtocol.TBinaryProtocol(t, False, False),
        "accel": TBinaryProtocol.TBinaryProtocolAccelerated,
        "compact": TCompactProtocol.TCompactProtocol,
    }
    proto = kinds[wire](trans)

base = proto
client_proto = TMultiplexedProtocol.TMultiplexedProtocol(proto, "Parley") if "multiplexed" in options else proto
client = Parley.Client(client_proto)
trans.open()
seen = {}

client.ping()
seen["echo"] = client.echo("h\u00e9llo \u20ac \U0001f41f")
seen["add"] = client.add(-3, 2147483000)
seen["blob"] = len(client.blob(100000))
try:
    client.refuse("not today")
except Refused as refused:
    seen["refused"] = [refused.why, refused.code]
try:
    client.fail("the secret")
except TApplicationException as error:
    seen["failed"] = [error.type, error.message]
client.note("first")
client.note("second")
seen["after oneway"] = client.echo("still in step")

# A method that the server does not know.
proto.writeMessageBegin("nosuch", 1, 77)
Parley.ping_args().write(proto)
proto.writeMessageEnd()
(proto if wire == "header" else trans).trans.flush() if wire == "header" else trans.flush()
name, kind, seqid = proto.readMessageBegin()
error = TApplicationException()
error.read(proto)
proto.readMessageEnd()
seen["unknown"] = [name, kind, seqid, error.type]

if "multiplexed" in options:
    seen["berth"] = Harbour.Client(TMultiplexedProtocol.TMultiplexedProtocol(base, "Harbour")).berth(4)
if wire == "header":
    proto.set_header(b"X-Tenant", b"acme")
    seen["header"] = client.header("x-tenant")
    seen["answer"] = {k.decode(): v.decode() for k, v in proto.get_headers().items()}
    seen["no leak"] = client.header("x-tenant")
    try:
        client.fail("the secret")
    except TApplicationException:
        seen["status"] = proto.get_headers()[b"hawser-status"].decode()
    proto.set_header(b"grpc-timeout", b"soon")
    try:
        client.ping()
    except TApplicationException as error:
        seen["bad timeout"] = error.type
trans.close()
print(json.dumps(seen))
