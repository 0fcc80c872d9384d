/**
 * The PROXY protocol, by which a balancer that passes bytes on says whom it has them from. Both versions are read, bounded, and
 * only from addresses that the listener was told to trust: anyone else could claim to be anyone.
 * Source: haproxy's proxy-protocol.txt, versions 1 and 2.
 */
import { BlockList, isIP } from 'node:net';
import { listOf, text } from '../../contract/option-kinds.js';
import { knownOptions, shown } from '../../contract/option-names.js';
import { formatHostPort } from '../endpoint.js';
import type { Seen } from './opening.js';

export interface ProxyProtocolOptions {
  /** Where balancers are: addresses and networks, `10.0.0.7`, `10.0.0.0/8`, `fd00::/8`. Nobody else gets a connection. */
  readonly from: readonly string[];
}

const checkNames = knownOptions<ProxyProtocolOptions>({ from: listOf(text) });

/** Throws a TypeError that names the option. */
export function checkProxyProtocol(options: unknown, name: string): void {
  checkNames(options, name);
  new Balancers(options as ProxyProtocolOptions, name);
}

/** The addresses that are believed. */
export class Balancers {
  readonly #list = new BlockList();

  constructor({ from }: ProxyProtocolOptions, name = 'proxyProtocol') {
    if (!Array.isArray(from) || from.length === 0) {
      throw new TypeError(
        `${name}.from is ${shown(from)}; name the addresses of the balancers, such as ["10.0.0.0/8"]`,
      );
    }
    for (const one of from) {
      const [address = '', bits, ...more] = one.split('/');
      const family = isIP(address);
      const most = family === 4 ? 32 : 128;
      const length = bits === undefined ? most : Number(bits);
      if (family === 0 || more.length > 0 || !/^\d{0,3}$/.test(bits ?? '') || bits === '' || length > most) {
        throw new TypeError(`${name}.from has ${shown(one)}; it is an IP address, or a network such as "10.0.0.0/8"`);
      }
      this.#list.addSubnet(address, length, family === 4 ? 'ipv4' : 'ipv6');
    }
  }

  /** `address`: of the connection; undefined on a unix socket, where only this machine's programs are. */
  trusts(address: string | undefined): boolean {
    if (address === undefined) return true;
    const plain = address.startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
    return this.#list.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4');
  }
}

/** Whom the bytes are from, as `host:port`; undefined where the balancer speaks for itself, as in its health checks. */
export type Told = { readonly source: string | undefined } | { readonly malformed: string };

/** With CR and LF. */
const longestLine = 107;
/** After the 16 bytes that every header of version 2 has: addresses, and what balancers add to them. */
const longestRest = 4_096;
const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const word = Buffer.from('PROXY ', 'latin1');

/** Undefined when more bytes are needed. */
export function readProxyHeader(bytes: Buffer): Seen<Told> | undefined {
  if (bytes.length === 0) return undefined;
  if (bytes[0] === signature[0]) return readBinary(bytes);
  if (bytes[0] === word[0]) return readLine(bytes);
  return malformed('it does not begin with a PROXY header, which is expected here');
}

function readLine(bytes: Buffer): Seen<Told> | undefined {
  const end = bytes.subarray(0, longestLine).indexOf('\r\n');
  if (!agrees(bytes, word)) return malformed('it does not begin with a PROXY header, which is expected here');
  if (end < 0) return bytes.length < longestLine ? undefined : malformed('its PROXY header has no end');
  const line = bytes.subarray(0, end).toString('latin1');
  const used = end + 2;
  if (/^PROXY UNKNOWN(?: .*)?$/.test(line)) return { value: { source: undefined }, used };
  const [, family, source = '', target = '', port = '', targetPort = '', ...more] = line.split(' ');
  const kind = family === 'TCP4' ? 4 : family === 'TCP6' ? 6 : 0;
  const sound = kind !== 0 && isIP(source) === kind && isIP(target) === kind && more.length === 0;
  if (!sound || !isPort(port) || !isPort(targetPort)) return malformed('its PROXY header is malformed');
  return { value: { source: formatHostPort(source, Number(port)) }, used };
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

function readBinary(bytes: Buffer): Seen<Told> | undefined {
  if (!agrees(bytes, signature)) return malformed('it does not begin with a PROXY header, which is expected here');
  if (bytes.length < 16) return undefined;
  const command = bytes[12] as number;
  const family = bytes[13] as number;
  const rest = bytes.readUInt16BE(14);
  if (command !== 0x20 && command !== 0x21) return malformed('its PROXY header is of an unknown version or command');
  if (rest > longestRest)
    return malformed(`its PROXY header has ${rest} bytes, more than the ${longestRest} that are taken`);
  const needed = family === 0x11 ? 12 : family === 0x21 ? 36 : 0;
  if (command === 0x21 && rest < needed) return malformed('its PROXY header is shorter than its addresses');
  const used = 16 + rest;
  if (bytes.length < used) return undefined;
  // LOCAL, and what is no TCP connection: the connection itself counts.
  if (command === 0x20 || needed === 0) return { value: { source: undefined }, used };
  const source =
    needed === 12
      ? formatHostPort(bytes.subarray(16, 20).join('.'), bytes.readUInt16BE(24))
      : formatHostPort(ipv6(bytes.subarray(16, 32)), bytes.readUInt16BE(48));
  return { value: { source }, used };
}

/** As Node writes it. */
function ipv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/** Whether the bytes begin as they should, as far as they have come. */
function agrees(bytes: Buffer, begin: Buffer): boolean {
  const length = Math.min(bytes.length, begin.length);
  return bytes.subarray(0, length).equals(begin.subarray(0, length));
}

function malformed(sentence: string): Seen<Told> {
  return { value: { malformed: sentence }, used: 0 };
}
