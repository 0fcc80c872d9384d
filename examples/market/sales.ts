/** The market itself, which knows of no wire: what was sold last, and prices that move. */

export interface Sale {
  readonly fish: string;
  /** US dollars a pound. */
  readonly price: number;
  readonly pounds: number;
  readonly time: Date;
  /** The number of a market; the same in both IDLs. */
  readonly market: number;
}

export interface PriceChange {
  readonly fish: string;
  readonly price: number;
  readonly market: number;
  /** Counts all changes, from 1. */
  readonly seq: number;
}

const opening: readonly (readonly [fish: string, price: number, pounds: number, market: number])[] = [
  ['halibut', 8.75, 120, 1],
  ['salmon', 11.2, 340, 2],
  ['sablefish', 6.4, 85, 5],
  ['albacore', 3.15, 900, 3],
  ['lingcod', 4.6, 60, 4],
];

export class FishMarket {
  readonly #sales = new Map<string, Sale>();
  readonly #watchers = new Set<(change: PriceChange) => void>();
  #seq = 0;

  constructor(opened = new Date()) {
    for (const [fish, price, pounds, market] of opening) {
      this.#sales.set(fish, { fish, price, pounds, time: opened, market });
    }
  }

  get fish(): readonly string[] {
    return [...this.#sales.keys()];
  }

  lastSale(fish: string): Sale | undefined {
    return this.#sales.get(fish);
  }

  /** Sells some fish at a price a little off the last one, and tells who watches. */
  trade(random: () => number = Math.random): PriceChange {
    const names = this.fish;
    const last = this.#sales.get(names[Math.floor(random() * names.length)] as string) as Sale;
    const price = Math.max(0.5, Math.round((last.price + (random() - 0.5) * 0.4) * 100) / 100);
    const sale = { ...last, price, pounds: 10 + Math.floor(random() * 300), time: new Date() };
    this.#sales.set(sale.fish, sale);
    this.#seq += 1;
    const change = { fish: sale.fish, price, market: sale.market, seq: this.#seq };
    for (const tell of this.#watchers) tell(change);
    return change;
  }

  /** Price changes from now on, until `signal` is aborted. A slow reader sees the latest price of each fish, not every one. */
  async *watch(fish: readonly string[], signal: AbortSignal): AsyncGenerator<PriceChange> {
    const waiting = new Map<string, PriceChange>();
    let wake = (): void => {};
    const tell = (change: PriceChange): void => {
      if (fish.length > 0 && !fish.includes(change.fish)) return;
      waiting.delete(change.fish);
      waiting.set(change.fish, change);
      wake();
    };
    const stop = (): void => wake();
    this.#watchers.add(tell);
    signal.addEventListener('abort', stop);
    try {
      while (!signal.aborted) {
        for (const [name, change] of waiting) {
          waiting.delete(name);
          yield change;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (waiting.size > 0 || signal.aborted) resolve();
        });
      }
    } finally {
      this.#watchers.delete(tell);
      signal.removeEventListener('abort', stop);
    }
  }
}
