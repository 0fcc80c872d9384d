/** The peer of a socket. A certificate counts only when the handshake has verified it. */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Peer, PeerCertificate } from '../call/peer.js';
import { readCertificate } from './certificate.js';
import { formatHostPort } from './endpoint.js';

/** Reads the peer on first use, once a connection. */
export class SocketPeer {
  readonly #socket: Socket;
  readonly #address: string;
  #peer: Peer | undefined;

  /** `local`: where the listener is, for sockets without addresses. `told`: by a balancer, who goes before the socket's own. */
  constructor(socket: Socket, local: string, told?: string) {
    this.#socket = socket;
    // The address is gone once the socket is closed.
    this.#address = told ?? addressOf(socket, local);
  }

  get peer(): Peer {
    this.#peer ??= withCertificate(this.#socket, this.#address);
    return this.#peer;
  }
}

export function addressOf({ remoteAddress, remotePort }: Socket, local: string): string {
  return remoteAddress === undefined ? local : formatHostPort(remoteAddress, remotePort);
}

export function withCertificate(socket: Socket, address: string): Peer {
  const certificate = certificateOf(socket);
  return certificate === undefined ? { address } : { address, certificate };
}

function certificateOf(socket: Socket): PeerCertificate | undefined {
  if (!isVerified(socket)) return undefined;
  const certificate = socket.getPeerCertificate();
  if (certificate?.raw === undefined) return undefined;
  return readCertificate(certificate.raw, certificate.fingerprint256);
}

function isVerified(socket: Socket | TLSSocket): socket is TLSSocket {
  return 'authorized' in socket && socket.authorized === true;
}
