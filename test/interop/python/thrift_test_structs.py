"""Reads structs and writes them again: what one library wrote, another must read.

usage: thrift_test_structs.py GENPY   with a JSON list of {"as": STRUCT, "protocol": PROTOCOL, "hex": BYTES} on
standard input, STRUCT as MODULE.NAME; prints the list of what was written, as hex.
"""
import importlib
import json
import sys

sys.path.insert(0, sys.argv[1])

from thrift.transport.TTransport import TMemoryBuffer  # noqa: E402
from thrift_test_wire import protocol_factory  # noqa: E402

written = []
for item in json.load(sys.stdin):
    factory = protocol_factory(item["protocol"])
    source, target = TMemoryBuffer(bytes.fromhex(item["hex"])), TMemoryBuffer()
    module, name = item["as"].split(".")
    kind = getattr(importlib.import_module(module + ".ttypes"), name)
    reader = factory.getProtocol(source)
    # Immutable structs are made by the class.
    value = kind.read(reader) if isinstance(kind.__dict__.get("read"), classmethod) else kind()
    if not isinstance(kind.__dict__.get("read"), classmethod):
        value.read(reader)
    assert source.cstringio_buf.read() == b"", "%s was not read to its end" % item["as"]
    value.write(factory.getProtocol(target))
    written.append(target.getvalue().hex())
print(json.dumps(written))
