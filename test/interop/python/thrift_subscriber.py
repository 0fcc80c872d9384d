"""A subscriber with Apache's Thrift library alone: follows a topic by long poll and stays exact when the server is killed.

usage: thrift_subscriber.py GENERATED HOST PORT TOPIC
(GENERATED: where `thrift -r --gen py` put idl/hawser.thrift and idl/market.thrift)

Prints a JSON object for each update, gap and reset.
"""
import json
import sys
import time

sys.path.insert(0, sys.argv[1])
from hawser.subscription.v1 import Subscriptions  # noqa: E402
from hawser.subscription.v1.ttypes import Mode, OpenRequest, Start, StartKind, SubscriptionError  # noqa: E402
from market.v1.ttypes import Price  # noqa: E402
from thrift.Thrift import TException  # noqa: E402
from thrift.protocol.TBinaryProtocol import TBinaryProtocol  # noqa: E402
from thrift.protocol.TMultiplexedProtocol import TMultiplexedProtocol  # noqa: E402
from thrift.transport import TSocket, TTransport  # noqa: E402


def tell(**fields):
    print(json.dumps(fields), flush=True)


class Lost(Exception):
    """The session is of no use any more: open again, from the position."""


class Replica:
    """What is held: the newest value of each key, and how far it is."""

    def __init__(self):
        self.epoch = None
        self.position = None
        # Of the position: the server says it where it changes.
        self.generation = None
        self.seqs = {}
        self.staged = None

    def start(self):
        if self.position is None:
            return Start(kind=StartKind.FromSeq, seq=1, epoch=b"", time=0, count=0)
        return Start(
            kind=StartKind.Resume,
            epoch=self.epoch,
            seq=self.position,
            generation=self.generation,
            time=0,
            count=0,
        )

    def take(self, event):
        if event.batch is not None:
            batch = event.batch
            if batch.from_seq != self.position:
                raise Lost(f"a batch begins at {batch.from_seq}, not at {self.position}")
            self.move(batch.to_seq, batch)
            for update in batch.updates:
                self.apply(update)
        elif event.subscribed is not None:
            self.epoch = event.subscribed.epoch
            self.position, self.generation = event.subscribed.from_seq, event.subscribed.generation
        elif event.snapshot_begin is not None:
            self.staged = []
            self.generation = event.snapshot_begin.generation
        elif event.snapshot_chunk is not None:
            self.staged += event.snapshot_chunk.entries
        elif event.snapshot_end is not None:
            self.seqs = {}
            self.position = event.snapshot_end.at
            for entry in self.staged:
                self.apply(entry)
        elif event.gap is not None:
            tell(event="gap", after=event.gap.from_seq, to=event.gap.to_seq)
            self.move(event.gap.to_seq, event.gap)
        elif event.reset is not None:
            tell(event="reset", reason=event.reset.reason)
            self.position, self.seqs = None, {}
        elif event.unsubscribed is not None or event.go_away is not None:
            raise Lost("the server ended it")

    def move(self, to, event):
        self.position = to
        if event.generation is not None:
            self.generation = event.generation

    def apply(self, update):
        # An entry of a snapshot may be newer than the batches that follow it.
        if update.seq <= self.seqs.get(update.key, 0):
            return
        self.seqs[update.key] = update.seq
        value = None
        if not update.tombstone:
            # As a function's result is: field 0 of a struct.
            protocol = TBinaryProtocol(TTransport.TMemoryBuffer(update.value))
            protocol.readFieldBegin()
            price = Price()
            price.read(protocol)
            value = price.seq
        tell(seq=update.seq, key=update.key, value=value)


def follow(host, port, topic, replica):
    """Polls until the connection or the session is lost."""
    socket = TSocket.TSocket(host, port)
    socket.setTimeout(15_000)
    transport = TTransport.TFramedTransport(socket)
    client = Subscriptions.Client(TMultiplexedProtocol(TBinaryProtocol(transport), "Subscriptions"))
    transport.open()
    try:
        request = OpenRequest(topic=topic, keys=[], start=replica.start(), accept=[], mode=Mode.Every, durable_name="")
        opened = client.open(request)
        while True:
            for event in client.poll(opened.session, 1000, 10_000):
                replica.take(event)
    finally:
        transport.close()


replica = Replica()
while True:
    try:
        follow(sys.argv[2], int(sys.argv[3]), sys.argv[4], replica)
    except SubscriptionError as error:
        if not error.retryable:
            raise
    except (Lost, TException, OSError):
        pass
    time.sleep(0.1)
