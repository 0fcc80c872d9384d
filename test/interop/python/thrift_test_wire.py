"""The protocols and transports of Apache Thrift for Python, by the names that the tests use."""
from thrift.protocol import TBinaryProtocol, TCompactProtocol, THeaderProtocol
from thrift.transport import THeaderTransport, TTransport

PROTOCOLS = ("binary", "accel", "compact", "accelc", "header", "header-compact", "header-zlib")
EVERY_CLIENT = tuple(THeaderTransport.THeaderClientType.__dict__.get(name) for name in (
    "HEADERS", "FRAMED_BINARY", "UNFRAMED_BINARY", "FRAMED_COMPACT", "UNFRAMED_COMPACT"))


class HeaderFactory(THeaderProtocol.THeaderProtocolFactory):
    def __init__(self, allowed, subprotocol, zlib):
        super().__init__(allowed, subprotocol)
        self.zlib = zlib

    def getProtocol(self, trans):
        protocol = super().getProtocol(trans)
        if self.zlib:
            protocol.add_transform(THeaderTransport.THeaderTransformID.ZLIB)
        return protocol


def protocol_factory(name, allowed=(THeaderTransport.THeaderClientType.HEADERS,)):
    """`allowed`: what a THeader peer takes besides THeader itself."""
    sub = THeaderTransport.THeaderSubprotocolID
    return {
        "binary": TBinaryProtocol.TBinaryProtocolFactory,
        "accel": lambda: TBinaryProtocol.TBinaryProtocolAcceleratedFactory(fallback=False),
        "compact": TCompactProtocol.TCompactProtocolFactory,
        "accelc": lambda: TCompactProtocol.TCompactProtocolAcceleratedFactory(fallback=False),
        "header": lambda: HeaderFactory(allowed, sub.BINARY, False),
        "header-compact": lambda: HeaderFactory(allowed, sub.COMPACT, False),
        "header-zlib": lambda: HeaderFactory(allowed, sub.BINARY, True),
    }[name]()


def transport_factory(name):
    return {"framed": TTransport.TFramedTransportFactory, "buffered": TTransport.TBufferedTransportFactory}[name]()
