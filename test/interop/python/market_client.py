"""A plain grpcio client of the fish market: what it sees goes to standard output as one JSON object.

usage: market_client.py STUBS ADDRESS   (STUBS: where grpc_tools put market/v1/market_pb2*.py)
"""
import json
import sys

import grpc

sys.path.insert(0, sys.argv[1])
from market.v1 import market_pb2, market_pb2_grpc  # noqa: E402

channel = grpc.insecure_channel(sys.argv[2])
history = market_pb2_grpc.TradeHistoryStub(channel)
feed = market_pb2_grpc.PriceFeedStub(channel)
seen = {}

trade, call = history.GetLastSale.with_call(market_pb2.GetLastSaleRequest(fish="halibut"), timeout=5)
seen["fish"] = trade.fish
seen["pounds"] = trade.amount.pounds
seen["market"] = trade.market

trades = history.GetLastSaleList(market_pb2.GetLastSaleListRequest(fish=["salmon", "lingcod"]), timeout=5).trades
seen["list"] = [one.fish for one in trades]

try:
    history.GetLastSale(market_pb2.GetLastSaleRequest(fish="unicorn"), timeout=5)
except grpc.RpcError as error:
    trailers = {key: value for key, value in error.trailing_metadata()}
    seen["error"] = {
        "code": error.code().name,
        "disposition": trailers["hawser-disposition"],
        "details": "grpc-status-details-bin" in trailers,
    }

stream = feed.WatchPrices(market_pb2.WatchPricesRequest(), timeout=20)
seqs = []
for price in stream:
    seqs.append(price.seq)
    if len(seqs) == 5:
        stream.cancel()
        break
seen["ordered"] = seqs == sorted(set(seqs)) and len(seqs) == 5

# A stream that has no end meets its deadline; an answer could be faster than any.
try:
    for _ in feed.WatchPrices(market_pb2.WatchPricesRequest(), timeout=0.5):
        pass
except grpc.RpcError as error:
    seen["expired"] = error.code().name

print(json.dumps(seen))
