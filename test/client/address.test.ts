import { describe, expect, it } from 'vitest';
import { parseAddresses } from '../../src/client/address.js';

describe('an address', () => {
  it.each([
    ['127.0.0.1:50051', 'proto', { wire: 'grpc', target: '127.0.0.1:50051', tls: false }],
    ['grpc://market.example:443/', 'proto', { wire: 'grpc', target: 'market.example:443', tls: false }],
    ['grpcs://[::1]:443', 'proto', { wire: 'grpc', target: '[::1]:443', tls: true }],
    ['dns:///market:443', 'proto', { wire: 'grpc', target: 'dns:///market:443', tls: false }],
    ['unix:/run/market.sock', 'proto', { wire: 'grpc', target: 'unix:/run/market.sock', tls: false }],
    ['localhost:9090', 'thrift', { wire: 'thrift', target: 'localhost:9090', protocol: 'binary', framing: 'framed' }],
    ['thrift://h:9090?wire=header&zlib=1', 'thrift', { protocol: 'header', zlib: true }],
    [
      'thrifts://h:9090?wire=compact&framing=unframed&service=Calc',
      'thrift',
      { tls: true, protocol: 'compact', framing: 'unframed', multiplex: 'Calc' },
    ],
    ['thrift+unix:/run/t.sock?wire=compact', 'thrift', { target: 'unix:/run/t.sock', protocol: 'compact' }],
  ] as const)('%s for a %s service', (text, idl, expected) => {
    expect(parseAddresses(text, idl)).toMatchObject([expected]);
  });

  it('takes several, by comma or as an array, the scheme of the first for bare ones after it', () => {
    expect(parseAddresses('grpcs://a:1,b:2', 'proto')).toMatchObject([
      { target: 'a:1', tls: true },
      { target: 'b:2', tls: true },
    ]);
    expect(parseAddresses(['thrift://a:1?wire=header', 'b:2'], 'thrift')).toMatchObject([
      { target: 'a:1', protocol: 'header' },
      { target: 'b:2', protocol: 'header' },
    ]);
  });

  it.each([
    ['', 'proto', 'is not understood'],
    ['nohost', 'proto', 'is not understood'],
    ['h:0', 'proto', 'a port is 1 to 65535'],
    ['h:70000', 'proto', 'a port is 1 to 65535'],
    ['http://h:80', 'proto', 'unknown scheme http'],
    ['thrift://h:80', 'proto', 'the service comes from a .proto file'],
    ['grpc://h:80', 'thrift', 'the service comes from a .thrift file'],
    ['thrift://h:80?wire=json', 'thrift', 'wire=json; it must be binary or compact or header'],
    ['thrift://h:80?wires=json', 'thrift', 'unknown option wires'],
    ['h:1,h:1', 'proto', 'is in the list twice'],
    ['thrift://a:1?wire=compact,thrift://b:1', 'thrift', 'differ in wire'],
  ] as const)('%j for a %s service is refused: %s', (text, idl, message) => {
    expect(() => parseAddresses(text, idl)).toThrow(message);
  });
});
