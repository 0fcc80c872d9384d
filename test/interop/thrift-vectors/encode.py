"""Encodes JSON values with Apache Thrift for Python, and messages; the pure and the C codec must agree.

usage: encode.py GEN_PY_DIR < cases.json > vectors.json
A case has a `value` in the JSON form of Hawser (i64 as text, binary as base64), or a `message`;
a case that has `binary` and `compact` already is decoded from those first and encoded again.
"""
import base64
import json
import sys

sys.path.insert(0, sys.argv[1])

from everything.ttypes import Everything, Level  # noqa: E402
from thrift.Thrift import TType  # noqa: E402
from thrift.protocol.TBinaryProtocol import TBinaryProtocol, TBinaryProtocolAccelerated  # noqa: E402
from thrift.protocol.TCompactProtocol import TCompactProtocol, TCompactProtocolAccelerated  # noqa: E402
from thrift.transport.TTransport import TMemoryBuffer  # noqa: E402


def value_of(ttype, args, value):
    if ttype == TType.STRUCT:
        return struct_of(args[0], value)
    if ttype in (TType.LIST, TType.SET):
        items = [value_of(args[0], args[1], item) for item in value]
        return items if ttype == TType.LIST else set(items)
    if ttype == TType.MAP:
        return {key_of(args[0], key): value_of(args[2], args[3], item) for key, item in value.items()}
    if ttype == TType.STRING:
        return base64.b64decode(value) if args == 'BINARY' else value
    if ttype == TType.DOUBLE:
        return float(value)
    if ttype == TType.I64:
        return int(value)
    if ttype == TType.I32 and value in Level._NAMES_TO_VALUES:
        return Level._NAMES_TO_VALUES[value]
    return value


def key_of(ttype, key):
    if ttype == TType.STRING:
        return key
    return key == 'true' if ttype == TType.BOOL else int(key)


def struct_of(cls, value):
    struct = cls()
    for spec in cls.thrift_spec:
        if spec is not None and spec[2] in value:
            setattr(struct, spec[2], value_of(spec[1], spec[3], value[spec[2]]))
    return struct


def encode(factory, write):
    buffer = TMemoryBuffer()
    write(factory(buffer))
    return buffer.getvalue().hex()


def both(pure, accelerated, struct):
    result = encode(pure, struct.write)
    assert result == encode(accelerated, struct.write), result
    return result


def decode(factory, text):
    struct = Everything()
    struct.read(factory(TMemoryBuffer(bytes.fromhex(text))))
    return struct


vectors = []
for case in json.load(sys.stdin):
    out = dict(case)
    if 'message' in case:
        message = case['message']

        def write(protocol):
            protocol.writeMessageBegin(message['name'], message['type'], message['seqid'])
            protocol.writeMessageEnd()

        out['binary'] = encode(TBinaryProtocol, write)
        out['compact'] = encode(TCompactProtocol, write)
    elif 'binary' in case:
        for factory in (TBinaryProtocol, TBinaryProtocolAccelerated):
            struct = decode(factory, case['binary'])
            out['binary'] = both(TBinaryProtocol, TBinaryProtocolAccelerated, struct)
        for factory in (TCompactProtocol, TCompactProtocolAccelerated):
            struct = decode(factory, case['compact'])
            out['compact'] = both(TCompactProtocol, TCompactProtocolAccelerated, struct)
    else:
        struct = struct_of(Everything, case['value'])
        out['binary'] = both(TBinaryProtocol, TBinaryProtocolAccelerated, struct)
        out['compact'] = both(TCompactProtocol, TCompactProtocolAccelerated, struct)
    vectors.append(out)
json.dump(vectors, sys.stdout, indent=1, ensure_ascii=True)
