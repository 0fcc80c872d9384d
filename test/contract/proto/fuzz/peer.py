"""Reads messages with Google's Python library, and writes them in binary (maps in order) and JSON.

Started with the path of a FileDescriptorSet. A line in: {"type", "bytes"} and perhaps "json"; a line out: {"bytes"}, with JSON {"bytes", "json", "read"}, or {"error"}.
"""

import base64
import json
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf import any_pb2, duration_pb2, empty_pb2, field_mask_pb2, struct_pb2, timestamp_pb2, wrappers_pb2  # noqa: F401

pool = descriptor_pool.Default()
files = descriptor_pb2.FileDescriptorSet()
with open(sys.argv[1], "rb") as image:
    files.ParseFromString(image.read())
for file in files.file:
    if not file.name.startswith("google/protobuf/"):
        pool.Add(file)
factory = message_factory.MessageFactory(pool)
classes = {}


def class_of(name):
    if name not in classes:
        classes[name] = factory.GetPrototype(pool.FindMessageTypeByName(name))
    return classes[name]


def encoded(message):
    return base64.b64encode(message.SerializeToString(deterministic=True)).decode()


for line in sys.stdin:
    asked = json.loads(line)
    try:
        message = class_of(asked["type"])()
        message.ParseFromString(base64.b64decode(asked["bytes"]))
        if "json" not in asked:
            print(json.dumps({"bytes": encoded(message)}), flush=True)
            continue
        read = class_of(asked["type"])()
        json_format.Parse(asked["json"], read)
        answer = {"bytes": encoded(message), "json": json_format.MessageToJson(message, indent=0), "read": encoded(read)}
    except Exception as error:  # the test compares it
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
