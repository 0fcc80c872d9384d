/** One address with a server process behind it that can be killed, and a proxy in front that can lose its answers. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type FaultProxy, faultProxy } from 'hawser/testing';
import { freePort } from '../../support/free-port.js';
import type { ServeCommand } from './server.js';

export class ServerNode {
  readonly #program: string;
  readonly #command: ServeCommand;
  readonly #proxy: FaultProxy;
  #child: ChildProcess | undefined;
  /** Loaded already, so that a killed server is replaced at once. */
  #standby: ChildProcess | undefined;
  #log = '';

  private constructor(program: string, command: ServeCommand, proxy: FaultProxy) {
    this.#program = program;
    this.#command = command;
    this.#proxy = proxy;
  }

  static async start(program: string, wire: ServeCommand['wire'], store: ServeCommand['store']): Promise<ServerNode> {
    const address = `127.0.0.1:${await freePort()}`;
    const node = new ServerNode(program, { wire, address, store }, await faultProxy({ target: address }));
    await node.serve();
    return node;
  }

  /** Where clients go. */
  get address(): string {
    return this.#proxy.address;
  }

  get serving(): boolean {
    return this.#child !== undefined;
  }

  /** Resolves when a server serves at the address. */
  async serve(): Promise<void> {
    const child = this.#standby ?? this.#load();
    if (this.#standby === undefined) await this.#says(child, 'loaded');
    this.#standby = undefined;
    child.send(this.#command);
    await this.#says(child, 'serving');
    this.#child = child;
  }

  /** SIGKILL, and the next one is loaded. Resolves when the process is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) throw new Error(`there is no server to kill at ${this.#command.address}`);
    if (child.exitCode !== null) throw new Error(`the server ended by itself:\n${this.#log}`);
    this.#child = undefined;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  async prepare(): Promise<void> {
    if (this.#standby !== undefined) return;
    const child = this.#load();
    await this.#says(child, 'loaded');
    this.#standby = child;
  }

  /** Every answer under way is lost, and every connection with it: what was committed meanwhile stays. */
  async loseAnswers(ms: number): Promise<void> {
    await this.#proxy.set({ stall: 'toClient' });
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.#proxy.reset();
    await this.#proxy.set({});
  }

  async close(): Promise<void> {
    this.#child?.kill('SIGKILL');
    this.#standby?.kill('SIGKILL');
    await this.#proxy.close();
  }

  #load(): ChildProcess {
    const child = fork(this.#program, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (text) => {
        this.#log = `${this.#log}${text}`.slice(-4_000);
      });
    }
    return child;
  }

  async #says(child: ChildProcess, what: string): Promise<void> {
    const [said] = await Promise.race([once(child, 'message'), once(child, 'exit').then(() => ['nothing, and ended'])]);
    if (said !== what) throw new Error(`a server should have said ${what}; it said ${said}\n${this.#log}`);
  }
}
