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
    ['grpcs+dns:///market:443', 'proto', { wire: 'grpc', target: 'dns:///market:443', tls: true }],
    ['grpc+dns:///market:443', 'proto', { wire: 'grpc', target: 'dns:///market:443', tls: false }],
    ['grpcs+dns://8.8.8.8/market:443', 'proto', { target: 'dns://8.8.8.8/market:443', tls: true }],
    ['thrifts+dns:///market:443?wire=header', 'thrift', { target: 'dns:///market:443', tls: true, protocol: 'header' }],
    ['dns:///market:443', 'thrift', { wire: 'thrift', target: 'dns:///market:443', tls: false }],
    ['grpcs+unix:/run/m.sock', 'proto', { target: 'unix:/run/m.sock', tls: true }],
    ['thrifts+unix:/run/m.sock?wire=compact', 'thrift', { target: 'unix:/run/m.sock', tls: true, protocol: 'compact' }],
    ['unix:///run/m@1.sock', 'proto', { target: 'unix:///run/m@1.sock', tls: false }],
    ['unix:m.sock', 'proto', { target: 'unix:m.sock', tls: false }],
    ['[fe80::1%eth0]:443', 'proto', { target: '[fe80::1%eth0]:443' }],
    ['bücher_1.example.:443', 'proto', { target: 'bücher_1.example.:443' }],
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
    ['h:123456', 'proto', 'a port is 1 to 65535'],
    [':80', 'proto', 'names no host'],
    ['grpc://:80', 'proto', 'names no host'],
    ['grpc:///h:80', 'proto', 'is not understood'],
    ['grpcs://dns:///h:80', 'proto', 'is not understood'],
    ['dns+grpcs:///h:80', 'proto', 'unknown scheme dns+grpcs'],
    ['dns:///h', 'proto', 'is not understood'],
    ['dns://8.8.8.8/h', 'proto', 'is not understood'],
    ['dns:///', 'proto', 'names no host'],
    ['unix:', 'proto', 'names no socket'],
    ['grpcs+unix:', 'proto', 'names no socket'],
    ['::1:80', 'proto', 'is IPv6 without brackets'],
    ['[::1:80', 'proto', 'is not understood'],
    ['[::g]:80', 'proto', 'is no IPv6 address'],
    ['[market]:80', 'proto', 'is no IPv6 address'],
    ['300.1.1.1:80', 'proto', 'is no IPv4 address'],
    ['127.1:80', 'proto', 'is no IPv4 address'],
    ['a..b:80', 'proto', 'is no host'],
    ['h h:80', 'proto', 'is no host'],
    ['h\0:80', 'proto', 'is no host'],
    ['grpc://h:80/path', 'proto', 'is not understood'],
    ['grpc://h:80#part', 'proto', 'is not understood'],
    ['grpc://h:80?wire=compact', 'proto', 'gRPC has none in an address'],
    ['dns:///h:80?wire=compact', 'proto', 'gRPC has none in an address'],
    ['a:1,,b:1', 'proto', 'is not understood'],
    ['grpcs://a:1,grpc://b:1', 'proto', 'write grpcs://b:1, or make two clients'],
    ['thrift://a:1,thrifts+dns:///b:1', 'thrift', 'write thrifts://a:1, or make two clients'],
    ['thrift://h:80?wire=binary&wire=compact', 'thrift', 'has the option wire twice'],
    ['thrift://h:80?service=', 'thrift', 'has an empty service'],
    ['thrift://h:80?wire=binary#part', 'thrift', 'wire=binary#part; it must be'],
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

  it.each([
    'user@h:80',
    'grpc://user@h:80',
    'grpc://user:secret@h:80',
    'grpcs://user:sec,ret@h:80',
    'grpc://a:1,grpc://user:secret@h:80',
    'dns:///user:secret@h:80',
  ])('%s is refused, and its password not shown', (text) => {
    for (const idl of ['proto', 'thrift'] as const) {
      const written = idl === 'proto' ? text : text.replaceAll('grpc', 'thrift');
      expect(() => parseAddresses(written, idl)).toThrow(/a user before its host .* credentials as headers/);
      expect(() => parseAddresses(written, idl)).toThrow(/^((?!secret|ret@).)*$/s);
    }
  });
});
