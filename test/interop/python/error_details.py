"""Knows nothing of google.rpc but what the server's reflection says, and reads the details of an error with that, as grpcurl does."""

import json
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


def fields(data):
    """The length-delimited fields of a message: (number, bytes)."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        tag = varint()
        if tag & 7 == 0:
            varint()
            continue
        assert tag & 7 == 2, tag
        size = varint()
        yield tag >> 3, data[at : at + size]
        at += size


def bare(data):
    return data


def ask(channel, number, text):
    """One question of ServerReflectionRequest: by symbol (4), or by file name (3)."""
    method = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
    call = channel.stream_stream(method, request_serializer=bare, response_deserializer=bare)
    question = bytes([number << 3 | 2, len(text)]) + text.encode()
    (answer,) = call(iter([question]), timeout=10)
    found = [value for kind, value in fields(answer) if kind == 4]
    assert found, answer
    files = [value for kind, value in fields(found[0]) if kind == 1]
    return [descriptor_pb2.FileDescriptorProto.FromString(one) for one in files]


def load(channel, pool, symbol):
    known = {}
    waiting = ask(channel, 4, symbol)
    while waiting:
        file = waiting.pop()
        if file.name in known:
            continue
        known[file.name] = file
        waiting += [one for name in file.dependency if name not in known for one in ask(channel, 3, name)]

    def add(name):
        for other in known[name].dependency:
            add(other)
        pool.Add(known[name])

    for name in known:
        add(name)


def main(address):
    pool = descriptor_pool.DescriptorPool()
    with grpc.insecure_channel(address) as channel:
        for symbol in ("google.rpc.Status", "google.rpc.ErrorInfo"):
            load(channel, pool, symbol)
        say = channel.unary_unary("/test.Echo/Say", request_serializer=bare, response_deserializer=bare)
        try:
            say(b'{"text":"x","count":1}', timeout=10)
            raise SystemExit("the call did not fail")
        except grpc.RpcError as error:
            trailers = dict(error.trailing_metadata())

    def message(name):
        descriptor = pool.FindMessageTypeByName(name)
        if hasattr(message_factory, "GetMessageClass"):
            return message_factory.GetMessageClass(descriptor)
        return message_factory.MessageFactory(pool).GetPrototype(descriptor)  # before protobuf 4.22

    status = message("google.rpc.Status").FromString(trailers["grpc-status-details-bin"])
    details = []
    for detail in status.details:
        decoded = message(detail.type_url.split("/")[-1]).FromString(detail.value)
        details.append([detail.type_url, decoded.reason, decoded.domain, dict(decoded.metadata)])
    print(json.dumps(details))


main(sys.argv[1])
