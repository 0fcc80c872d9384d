/**
 * HTTP proxies for clients: which one stands before an address, and the tunnel through it (CONNECT). For addresses with TLS the
 * environment names one as for other programs: HTTPS_PROXY, and in NO_PROXY what is reached without it.
 * Sources: RFC 9110, section 9.3.6; NO_PROXY as Go's httpproxy and curl read it.
 */
import { BlockList, connect as connectTcp, isIP, type Socket } from 'node:net';
import { type Endpoint, formatHostPort } from './endpoint.js';

/** An address such as `http://user:password@proxy.example:3128`; `false`: none, whatever the environment says. */
export type ProxyOption = string | false;

export interface HttpProxy {
  readonly host: string;
  readonly port: number;
  /** Credentials as the header has them. */
  readonly authorization: string | undefined;
  /** Without credentials, for messages. */
  readonly shown: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Bytes of a proxy's answer. */
const longestAnswer = 16_384;

/** Throws a TypeError that does not show what may be a password. */
export function parseProxy(text: string, name: string): HttpProxy {
  let url: URL | undefined;
  try {
    url = new URL(text.includes('://') ? text : `http://${text}`);
  } catch {}
  const rest = url === undefined ? '' : url.pathname.replace(/^\/$/, '') + url.search + url.hash;
  if (url === undefined || url.protocol !== 'http:' || url.hostname === '' || rest !== '') {
    throw new TypeError(
      `${name} is no address of an HTTP proxy; write http://host:port, with credentials http://user:password@host:port`,
    );
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const credentials = `${decoded(url.username, name)}:${decoded(url.password, name)}`;
  const port = url.port === '' ? 80 : Number(url.port);
  return {
    host,
    port,
    authorization: credentials === ':' ? undefined : `Basic ${Buffer.from(credentials).toString('base64')}`,
    shown: formatHostPort(host, port),
  };
}

function decoded(part: string, name: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new TypeError(`${name} has credentials that are not percent-encoded; write a % as %25`);
  }
}

/** The proxy for an address; undefined where it is reached without. Throws a TypeError for one that is none. */
export function proxyFor(
  endpoint: Endpoint,
  tls: boolean,
  option: ProxyOption | undefined,
  environment: Environment = process.env,
): HttpProxy | undefined {
  if (option === false || 'path' in endpoint) return undefined;
  if (option !== undefined) return parseProxy(option, 'proxy');
  if (!tls) return undefined;
  const text = either(environment, 'https_proxy');
  if (text === '' || spared(endpoint, either(environment, 'no_proxy'))) return undefined;
  return parseProxy(text, 'HTTPS_PROXY');
}

/** Lower case goes before upper case, as curl has it. */
function either(environment: Environment, name: string): string {
  return (environment[name] || environment[name.toUpperCase()] || '').trim();
}

/** Whether an address is reached without a proxy. */
function spared({ host, port }: { readonly host: string; readonly port: number }, list: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  const family = isIP(name);
  if (name === 'localhost' || name.endsWith('.localhost') || (family !== 0 && loopback.check(name, families[family])))
    return true;
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((one) => one !== '')
    .some((one) => names(one, name, family, port));
}

const families = ['ipv4', 'ipv4', 'ipv4', 'ipv4', 'ipv4', 'ipv4', 'ipv6'] as const;
const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Whether a part of NO_PROXY is of a host: `*`, an address, a network, a domain, each with a port or without. */
function names(part: string, host: string, family: number, port: number): boolean {
  if (part === '*') return true;
  const subnet = /^\[?([0-9a-f.:]+)\]?\/(\d{1,3})$/.exec(part);
  if (subnet !== null) return family !== 0 && inSubnet(host, family, subnet[1] as string, Number(subnet[2]));
  const withPort = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$/.exec(part);
  if (withPort !== null && Number(withPort[3]) !== port) return false;
  const plain = withPort?.[1] ?? withPort?.[2] ?? part.replace(/^\[|\]$/g, '');
  if (isIP(plain) !== 0) return family === isIP(plain) && inSubnet(host, family, plain, family === 4 ? 32 : 128);
  const domain = plain.replace(/^\*?\./, '');
  return domain !== '' && (host.endsWith(`.${domain}`) || (host === domain && plain === domain));
}

function inSubnet(host: string, family: number, network: string, bits: number): boolean {
  const type = families[family];
  if (isIP(network) !== family || bits > (family === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(network, bits, type);
  return list.check(host, type);
}

/**
 * Asks a proxy for a tunnel to `host:port`. `opened` gets the socket once it leads there; a refusal destroys it with an Error that
 * says why. How long all of it may take is the caller's to bound.
 */
export function openTunnel(
  proxy: HttpProxy,
  to: { readonly host: string; readonly port: number },
  opened: (socket: Socket) => void,
): Socket {
  const { host, port, authorization, shown } = proxy;
  const socket = connectTcp({ host, port });
  const target = formatHostPort(to.host, to.port);
  const credentials = authorization === undefined ? '' : `Proxy-Authorization: ${authorization}\r\n`;
  socket.once('connect', () => {
    socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${credentials}\r\n`);
  });
  let held = Buffer.alloc(0);
  const onEnd = (): void => {
    socket.destroy(new Error(`the proxy ${shown} closed the connection before it answered`));
  };
  const onData = (chunk: Buffer): void => {
    held = Buffer.concat([held, chunk]);
    const end = held.indexOf('\r\n\r\n');
    if (end < 0 && held.length <= longestAnswer) return;
    socket.off('data', onData);
    socket.off('end', onEnd);
    const status = /^HTTP\/1\.[01] (\d{3})[ \r]/.exec(held.subarray(0, 64).toString('latin1'))?.[1];
    if (end < 0 || end > longestAnswer || status === undefined) {
      socket.destroy(new Error(`the proxy ${shown} does not answer as an HTTP proxy does`));
    } else if (!status.startsWith('2')) {
      socket.destroy(new Error(refusal(proxy, target, status)));
    } else {
      socket.pause();
      if (end + 4 < held.length) socket.unshift(held.subarray(end + 4));
      opened(socket);
      socket.resume();
    }
  };
  socket.on('data', onData);
  socket.on('end', onEnd);
  return socket;
}

function refusal({ shown, authorization }: HttpProxy, target: string, status: string): string {
  if (status !== '407') return `the proxy ${shown} refuses a tunnel to ${target} (${status})`;
  return authorization === undefined
    ? `the proxy ${shown} wants credentials (407); write them into its address: http://user:password@host:port`
    : `the proxy ${shown} does not take the credentials in its address (407)`;
}
