/**
 * Methods whose turns are kept apart: a group commits before such a turn and again after it, so that nobody waits for it.
 * Learned from what handlers do, and forgotten when they stop doing it.
 */

/** Turns without a relapse until a method is trusted again. */
const probation = 32;
/** Names are methods, so few; who makes up a name for each write must not fill the memory. */
const mostNames = 1_000;

/** A turn. Its name is made when somebody asks. */
interface Named {
  readonly member: { readonly name: string };
}

export class Solitary {
  readonly #left = new Map<string, number>();

  has({ member }: Named): boolean {
    return this.#left.size > 0 && this.#left.has(member.name);
  }

  add({ member: { name } }: Named): void {
    if (this.#left.size >= mostNames) this.#left.clear();
    this.#left.set(name, probation);
  }

  /** A turn went as others' do. */
  behaved({ member }: Named): void {
    if (this.#left.size === 0) return;
    const { name } = member;
    const left = this.#left.get(name);
    if (left === undefined) return;
    if (left <= 1) this.#left.delete(name);
    else this.#left.set(name, left - 1);
  }
}
