"""A grpcio server: it repeats what a unary call says, and ends every stream with OK and no message. Prints its address."""

from concurrent import futures

import grpc


def nothing_of_one(_request, _context):
    return iter(())


def nothing_of_many(requests, _context):
    for _ in requests:
        break
    return
    yield


class Handler(grpc.GenericRpcHandler):
    def service(self, details):
        method = details.method.rsplit("/", 1)[1]
        if method == "Say":
            return grpc.unary_unary_rpc_method_handler(lambda request, _context: request)
        if method == "Repeat":
            return grpc.unary_stream_rpc_method_handler(nothing_of_one)
        if method == "Chat":
            return grpc.stream_stream_rpc_method_handler(nothing_of_many)
        return None


server = grpc.server(futures.ThreadPoolExecutor(4))
server.add_generic_rpc_handlers((Handler(),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(f"127.0.0.1:{port}", flush=True)
server.wait_for_termination()
