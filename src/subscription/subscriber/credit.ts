/**
 * How much a subscription may be sent. What was sent and not yet taken by the application is never more than the window, so
 * the window bounds what waits here. Limits are cumulative and only grow; a new one is told when half a window has come free.
 */
export interface CreditTerms {
  /** Updates that may wait here. */
  readonly updates: number;
  /** Bytes of their values. */
  readonly bytes: number;
}

class Window {
  readonly #size: number;
  #received = 0;
  #waiting = 0;
  #told = 0;

  constructor(size: number) {
    this.#size = size;
  }

  get limit(): number {
    // Never 0, which would be no limit.
    return Math.max(1, this.#told, this.#received + this.#size - this.#waiting);
  }

  get told(): number {
    return this.#told;
  }

  get received(): number {
    return this.#received;
  }

  restart(): void {
    this.#received = 0;
    this.#told = 0;
    this.tell();
  }

  receive(n: number): void {
    this.#received += n;
    this.#waiting += n;
  }

  take(n: number): void {
    this.#waiting -= n;
  }

  /** Half a window is free that the server does not know of. */
  get due(): boolean {
    return this.limit - this.#told >= Math.max(1, this.#size / 2);
  }

  tell(): void {
    this.#told = this.limit;
  }
}

export class Credit {
  readonly #updates: Window;
  readonly #bytes: Window;

  constructor({ updates, bytes }: CreditTerms) {
    this.#updates = new Window(updates);
    this.#bytes = new Window(bytes);
  }

  /** A new subscription: the counts begin anew, and what still waits here is taken off. */
  restart(): void {
    this.#updates.restart();
    this.#bytes.restart();
  }

  receive(updates: number, bytes: number): void {
    this.#updates.receive(updates);
    this.#bytes.receive(bytes);
  }

  /** The application took so much; true when the server should hear of it. */
  take(updates: number, bytes: number): boolean {
    this.#updates.take(updates);
    this.#bytes.take(bytes);
    return this.#updates.due || this.#bytes.due;
  }

  /** Updates that came beyond what was granted. */
  get excess(): number {
    return Math.max(0, this.#updates.received - this.#updates.told);
  }

  /** The limits to tell; they count as told. */
  tell(): CreditTerms {
    this.#updates.tell();
    this.#bytes.tell();
    return { updates: this.#updates.told, bytes: this.#bytes.told };
  }
}
