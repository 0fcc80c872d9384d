"""A subscriber with grpcio alone: follows a topic by its frames and stays exact when the server is killed.

usage: grpc_subscriber.py STUBS ADDRESS TOPIC   (STUBS: where grpc_tools put proto/hawser and proto/market)

Prints a JSON object for each update, gap and reset.
"""
import json
import queue
import sys
import time

import grpc

sys.path.insert(0, sys.argv[1])
from hawser.subscription.v1 import subscription_pb2 as frames  # noqa: E402
from hawser.subscription.v1 import subscription_pb2_grpc as service  # noqa: E402
from market.v1 import market_pb2  # noqa: E402


def tell(**fields):
    print(json.dumps(fields), flush=True)


class Lost(Exception):
    """The stream is of no use any more: subscribe again, from the position."""


class Replica:
    """What is held: the newest value of each key, and how far it is."""

    def __init__(self):
        self.epoch = None
        self.position = None
        # Of the position: the server says it where it changes.
        self.generation = b""
        self.seqs = {}
        self.staged = None

    def start(self):
        if self.position is None:
            return frames.Start(kind=frames.Start.KIND_FROM_SEQ, seq=1)
        return frames.Start(
            kind=frames.Start.KIND_RESUME, epoch=self.epoch, seq=self.position, generation=self.generation
        )

    def take(self, item):
        kind = item.WhichOneof("item")
        value = getattr(item, kind) if kind else None
        if kind == "batch":
            # The attribute is called by a keyword of Python.
            begin = getattr(value, "from")
            if begin != self.position:
                raise Lost(f"a batch begins at {begin}, not at {self.position}")
            self.move(value.to, value)
            for update in value.updates:
                self.apply(update)
        elif kind == "subscribed":
            self.epoch = value.epoch
            self.position, self.generation = getattr(value, "from"), value.generation
        elif kind == "snapshot_begin":
            self.staged = []
            self.generation = value.generation
        elif kind == "snapshot_chunk":
            self.staged += value.entries
        elif kind == "snapshot_end":
            self.seqs = {}
            self.position = value.at
            for entry in self.staged:
                self.apply(entry)
        elif kind == "gap":
            tell(event="gap", after=getattr(value, "from"), to=value.to)
            self.move(value.to, value)
        elif kind == "reset":
            tell(event="reset", reason=value.reason)
            self.position, self.seqs = None, {}
        elif kind in ("unsubscribed", "go_away", "error"):
            if kind != "go_away" and not value.retryable:
                raise SystemExit(f"{value.code}: {value.message}")
            raise Lost("the server ended it")

    def move(self, to, item):
        self.position = to
        if item.generation:
            self.generation = item.generation

    def apply(self, update):
        # An entry of a snapshot may be newer than the batches that follow it.
        if update.seq <= self.seqs.get(update.key, 0):
            return
        self.seqs[update.key] = update.seq
        price = None if update.tombstone else market_pb2.Price.FromString(update.value).seq
        tell(seq=update.seq, key=update.key, value=price)


def follow(address, topic, replica):
    """Reads until the stream is lost."""
    outbox = queue.SimpleQueue()
    hello = frames.ClientItem(hello=frames.Hello(version=1, heartbeat_ms=2000))
    subscribe = frames.Subscribe(sub=1, topic=topic, start=replica.start(), mode=frames.MODE_EVERY)
    outbox.put(frames.ClientFrame(items=[hello, frames.ClientItem(subscribe=subscribe)]))
    with grpc.insecure_channel(address) as channel:
        stream = service.SubscriptionsStub(channel).Connect(iter(outbox.get, None))
        try:
            for frame in stream:
                for item in frame.items:
                    replica.take(item)
        finally:
            outbox.put(None)
            stream.cancel()


replica = Replica()
while True:
    try:
        follow(sys.argv[2], sys.argv[3], replica)
    except (Lost, grpc.RpcError):
        pass
    time.sleep(0.1)
