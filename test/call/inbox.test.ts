import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { Inbox } from '../../src/call/inbox.js';

async function drain<T>(inbox: Inbox<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of inbox) items.push(item);
  return items;
}

describe('Inbox', () => {
  it('delivers every item once, in order, whatever the interleaving of pushes and pulls', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 200 }), async (pushes) => {
        const inbox = new Inbox<number>();
        const pulled: Promise<IteratorResult<number>>[] = [];
        let next = 0;
        for (const push of pushes) {
          if (push) inbox.push(next++);
          else pulled.push(inbox.next());
        }
        inbox.end();
        const rest = await drain(inbox);
        const first = (await Promise.all(pulled))
          .filter((result) => result.done !== true)
          .map((result) => result.value);
        expect([...first, ...rest]).toEqual([...Array(next).keys()]);
      }),
    );
  });

  it('delivers what came before an error, then the error once, then the end', async () => {
    const inbox = new Inbox<number>();
    inbox.push(1);
    inbox.fail(new Error('broken'));
    inbox.push(2);
    expect(await inbox.next()).toEqual({ done: false, value: 1 });
    await expect(inbox.next()).rejects.toThrow('broken');
    expect(await inbox.next()).toEqual({ done: true, value: undefined });
  });

  it('drops what was not read when the reader side aborts', async () => {
    const inbox = new Inbox<number>();
    inbox.push(1);
    inbox.abort(new Error('gave up'));
    await expect(inbox.next()).rejects.toThrow('gave up');
  });

  it('interrupts a pull that waits', async () => {
    const inbox = new Inbox<number>();
    const pull = inbox.next();
    inbox.abort(new Error('gave up'));
    await expect(pull).rejects.toThrow('gave up');
  });

  it('asks the producer to pause when it is full, and to go on when half is read', async () => {
    const onDrain = vi.fn();
    const inbox = new Inbox<number>({ highWater: 4, onDrain });
    expect([1, 2, 3, 4].map((n) => inbox.push(n))).toEqual([true, true, true, false]);
    await inbox.next();
    expect(onDrain).not.toHaveBeenCalled();
    await inbox.next();
    expect(onDrain).toHaveBeenCalledTimes(1);
  });

  it('tells the producer once that the reader stopped, and never after the end', async () => {
    const onReturn = vi.fn();
    const inbox = new Inbox<number>({ onReturn });
    inbox.push(1);
    await inbox.return();
    await inbox.return();
    expect(onReturn).toHaveBeenCalledTimes(1);
    expect(await inbox.next()).toEqual({ done: true, value: undefined });

    const ended = vi.fn();
    const other = new Inbox<number>({ onReturn: ended });
    other.end();
    await other.return();
    expect(ended).not.toHaveBeenCalled();
  });
});
