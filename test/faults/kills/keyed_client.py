"""A plain grpcio client that buys fish with an idempotency key and repeats each call until it is answered.

usage: keyed_client.py STUBS ADDRESS   (STUBS: where grpc_tools put market/v1/market_pb2*.py)
Until its standard input ends. Each line of output is one purchase: the key and its answer as a JSON array.
"""
import json
import os
import random
import sys
import threading
import time

import grpc

sys.path.insert(0, sys.argv[1])
from market.v1 import market_pb2, market_pb2_grpc  # noqa: E402

REPEATED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.ABORTED)
OPTIONS = [("grpc.initial_reconnect_backoff_ms", 20), ("grpc.min_reconnect_backoff_ms", 20),
           ("grpc.max_reconnect_backoff_ms", 100), ("grpc.enable_retries", 0)]
stopping = threading.Event()


def new_key():
    """A UUIDv7 (RFC 9562): when it was made, then chance."""
    tail = int.from_bytes(os.urandom(10), "big") & ~(0xF << 76) & ~(3 << 62) | 7 << 76 | 2 << 62
    text = f"{time.time_ns() // 1_000_000 << 80 | tail:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def buy(orders, key, pounds):
    """The answer, however often it takes to ask for it; None when there was none in time."""
    request = market_pb2.PlaceOrderRequest(fish="halibut", pounds=pounds)
    for _ in range(500):
        try:
            receipt = orders.PlaceOrder(request, timeout=2, metadata=[("idempotency-key", key)])
            return [receipt.number, receipt.total]
        except grpc.RpcError as error:
            if error.code() not in REPEATED:
                return [-1, f"{error.code().name}: {error.details()}"]
            time.sleep(random.random() * 0.05)
    return None


def work(orders):
    while not stopping.is_set():
        key, pounds = new_key(), random.randint(1, 1000)
        first = buy(orders, key, pounds)
        # Once more, as a queue would that did not hear of the first.
        again = buy(orders, key, pounds) if random.random() < 0.3 else first
        # One write: print() writes the end of the line by itself, after another thread's text maybe.
        sys.stdout.write(json.dumps([key, pounds, first, again]) + "\n")
        sys.stdout.flush()


with grpc.insecure_channel(sys.argv[2], options=OPTIONS) as channel:
    stub = market_pb2_grpc.OrdersStub(channel)
    workers = [threading.Thread(target=work, args=(stub,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    sys.stdin.read()
    stopping.set()
    for worker in workers:
        worker.join()
