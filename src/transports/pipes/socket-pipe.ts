/** A Node socket, plain or TLS, as the byte pipe that the HTTP/2 engine stands on. */
import type { Socket } from 'node:net';
import type { BytePipe, PipeReceiver } from '../../http2/byte-pipe.js';

const nobody: PipeReceiver = { received: () => {}, written: () => {}, ended: () => {}, lost: () => {} };

export class SocketPipe implements BytePipe {
  receiver: PipeReceiver = nobody;
  readonly #socket: Socket;
  #error: Error | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.receiver.received(bytes));
    socket.on('end', () => this.receiver.ended());
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('close', () => this.receiver.lost(this.#error));
  }

  write(chunks: readonly Uint8Array[]): void {
    const socket = this.#socket;
    const last = chunks.length - 1;
    if (last > 0) socket.cork();
    for (let i = 0; i < last; i++) socket.write(chunks[i] as Uint8Array);
    socket.write(chunks[last] as Uint8Array, this.#wrote);
    if (last > 0) socket.uncork();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** An error is told by `lost`. */
  readonly #wrote = (error?: Error | null): void => {
    if (error === undefined || error === null) this.receiver.written();
  };
}
