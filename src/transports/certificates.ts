/**
 * The certificates that new connections use: those of the options at first, then what `tls.reload` brings. What cannot be used is
 * told once, and the certificates before it stay; the next look comes soon then, since a file may be only half replaced.
 */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Clock, TimerHandle } from '../call/clock.js';
import type { Logger } from '../call/logger.js';
import { timerDuration } from '../contract/duration.js';
import { shown } from '../contract/option-names.js';
import type { Reloadable, TlsFiles, TlsMaterial } from './tls.js';

const usualEvery = '1m';
/** ms until the next look, at most, after one that failed. */
const soon = 5_000;
/** ms that a function may take. */
const patience = 30_000;

const names = ['cert', 'key', 'ca'] as const;

export interface CertificatesInit<T> {
  readonly tls: TlsMaterial & Reloadable;
  /** Makes what connections use; throws a TypeError for material that cannot be used. */
  readonly make: (material: TlsMaterial) => T;
  /** Told of what was made when it is no longer what it was. */
  readonly changed?: (current: T) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class Certificates<T> {
  readonly #init: CertificatesInit<T>;
  readonly #every: number;
  #material: TlsMaterial;
  #current: T;
  #users = 0;
  #cancel: TimerHandle | undefined;
  /** What was told last. */
  #told: string | undefined;

  /** Throws a TypeError for material that cannot be used, an Error for a file that cannot be read. */
  constructor(init: CertificatesInit<T>) {
    const { tls, make } = init;
    this.#init = init;
    this.#every = timerDuration(tls.reloadEvery ?? usualEvery, 'tls.reloadEvery');
    this.#material = { ...only(tls), ...(typeof tls.reload === 'object' ? readNow(tls.reload) : {}) };
    this.#current = make(this.#material);
  }

  /** What a connection that begins now uses. */
  get current(): T {
    return this.#current;
  }

  /** Looks for new certificates from now on, until as many have called `release`. */
  use(): void {
    this.#users += 1;
    if (this.#init.tls.reload !== undefined && this.#cancel === undefined) this.#wait(this.#every);
  }

  release(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #wait(ms: number): void {
    const cancel = this.#init.clock.setTimer(() => void this.#look(cancel), ms);
    // Nothing waits for it.
    cancel.hold?.(false);
    this.#cancel = cancel;
  }

  async #look(turn: TimerHandle): Promise<void> {
    let failed = false;
    try {
      const found = await this.#found();
      if (this.#cancel === turn) this.#take(found);
    } catch (error) {
      failed = true;
      this.#tell(error);
    }
    // Nobody may want it any more, or somebody again.
    if (this.#cancel === turn) this.#wait(failed ? Math.min(soon, this.#every) : this.#every);
  }

  async #found(): Promise<TlsMaterial> {
    const { reload } = this.#init.tls;
    if (typeof reload === 'object') return read(reload);
    const given: unknown = await within(Promise.resolve(reload?.()), this.#init.clock);
    if (typeof given !== 'object' || given === null) {
      throw new TypeError(`tls.reload gave ${shown(given)}; it gives { cert, key, ca }, in PEM`);
    }
    return only(given);
  }

  #take(found: TlsMaterial): void {
    const { make, changed: tell, logger } = this.#init;
    const next = { ...this.#material, ...found };
    const changed = names.filter((name) => !same(this.#material[name], next[name]));
    if (changed.length > 0) {
      this.#current = make(next);
      this.#material = next;
      tell?.(this.#current);
      logger.info({ changed }, 'new connections use the TLS certificates that were reloaded');
    }
    this.#told = undefined;
  }

  #tell(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    if (text === this.#told) return;
    this.#told = text;
    this.#init.logger.error({ err: error }, 'TLS certificates cannot be reloaded; connections use those from before');
  }
}

function only(material: TlsMaterial): TlsMaterial {
  return Object.fromEntries(names.filter((name) => material[name] !== undefined).map((name) => [name, material[name]]));
}

function same(a: string | Buffer | undefined, b: string | Buffer | undefined): boolean {
  return a === undefined || b === undefined ? a === b : String(a) === String(b);
}

function filesOf(files: TlsFiles): [name: keyof TlsFiles, path: string][] {
  return names.flatMap((name) => {
    const path = files[name];
    return path === undefined ? [] : [[name, path]];
  });
}

function readNow(files: TlsFiles): TlsMaterial {
  return Object.fromEntries(
    filesOf(files).map(([name, path]) => {
      try {
        return [name, readFileSync(path)];
      } catch (error) {
        throw unreadable(name, error);
      }
    }),
  );
}

async function read(files: TlsFiles): Promise<TlsMaterial> {
  const parts = filesOf(files).map(async ([name, path]) => {
    try {
      return [name, await readFile(path)] as const;
    } catch (error) {
      throw unreadable(name, error);
    }
  });
  return Object.fromEntries(await Promise.all(parts));
}

function unreadable(name: string, error: unknown): Error {
  const why = error instanceof Error ? error.message : String(error);
  return new Error(`tls.reload.${name} cannot be read (${why})`, { cause: error });
}

function within<T>(answer: Promise<T>, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.setTimer(
      () => reject(new Error(`the function tls.reload did not answer within ${patience} ms`)),
      patience,
    );
    cancel.hold?.(false);
    answer.then(resolve, reject).finally(cancel);
  });
}
