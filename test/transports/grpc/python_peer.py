"""The other end of the Notes service in Python: a client that reports what it saw, or a server."""
import json
import sys
import threading
import time
from concurrent import futures

import grpc
import note_pb2
import note_pb2_grpc


def status_of(error):
    trailers = {key: value for key, value in error.trailing_metadata() or ()}
    return {
        "code": error.code().name,
        "details": error.details(),
        "disposition": trailers.get("hawser-disposition"),
        "has_status": len(trailers.get("grpc-status-details-bin", b"")) > 0,
    }


def client(address):
    report = {}
    with grpc.insecure_channel(address) as channel:
        stub = note_pb2_grpc.NotesStub(channel)
        Note = note_pb2.Note

        response, call = stub.Echo.with_call(
            Note(text="py", number=7, payload=b"\x00\xff"),
            metadata=(("x-tenant", "acme"), ("x-trace-bin", b"\x00\xfe")),
            timeout=10,
            compression=grpc.Compression.Gzip,
        )
        report["echo"] = [response.text, response.number, response.payload.hex()]
        report["headers"] = {k: v for k, v in call.initial_metadata() if k == "x-answer"}
        report["trailers"] = {k: v.hex() for k, v in call.trailing_metadata() if k == "x-cost-bin"}

        days = stub.Echo(Note(text="days"), timeout=30 * 86400).number
        report["days"] = days
        report["list"] = [note.number for note in stub.List(Note(number=1000))]
        report["collect"] = stub.Collect(Note(number=i) for i in range(100)).number
        report["chat"] = [note.number for note in stub.Chat(Note(number=i) for i in range(100))]

        try:
            stub.Echo(Note(text="fail"))
        except grpc.RpcError as error:
            report["failure"] = status_of(error)
        try:
            stub.Echo(Note(text="hang"), timeout=0.2)
        except grpc.RpcError as error:
            report["late"] = error.code().name
        stream = stub.List(Note(text="endless", number=1))
        report["first"] = next(stream).number
        stream.cancel()
        before_error = []
        try:
            for note in stub.List(Note(text="fail", number=20)):
                before_error.append(note.number)
        except grpc.RpcError as error:
            report["stream_failure"] = [len(before_error), error.code().name]
        try:
            stub.Echo(Note(payload=bytes(5 * 1024 * 1024)))
        except grpc.RpcError as error:
            report["large"] = error.code().name
    print(json.dumps(report))


class Servicer(note_pb2_grpc.NotesServicer):
    def Echo(self, request, context):
        if request.text == "fail":
            context.set_trailing_metadata((("x-cost-bin", b"\x01\x02"),))
            context.abort(grpc.StatusCode.NOT_FOUND, "no sale of Fisch \U0001f41f")
        if request.text == "left":
            return note_pb2.Note(number=int(context.time_remaining() * 1000))
        seen = dict(context.invocation_metadata())
        context.send_initial_metadata((("x-seen", str(seen.get("x-tenant"))),))
        context.set_trailing_metadata((("x-cost-bin", b"\x01\x02"),))
        return request

    def List(self, request, context):
        if request.text == "endless":
            done = threading.Event()
            context.add_callback(lambda: (print("cancelled", flush=True), done.set()))
            yield note_pb2.Note(number=1)
            done.wait(30)
            return
        for number in range(request.number):
            yield note_pb2.Note(number=number)
        if request.text == "fail":
            context.abort(grpc.StatusCode.ABORTED, "enough")

    def Collect(self, requests, context):
        return note_pb2.Note(number=sum(request.number for request in requests))

    def Chat(self, requests, context):
        for request in requests:
            yield request


def server():
    running = grpc.server(futures.ThreadPoolExecutor(max_workers=8), compression=grpc.Compression.Gzip)
    note_pb2_grpc.add_NotesServicer_to_server(Servicer(), running)
    print(running.add_insecure_port("127.0.0.1:0"), flush=True)
    running.start()
    sys.stdin.read()
    running.stop(0)


if __name__ == "__main__":
    client(sys.argv[2]) if sys.argv[1] == "client" else server()
