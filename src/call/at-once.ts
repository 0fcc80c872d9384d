/**
 * What an iterator has already, without the promise of its `next`: a stream that passes others' messages on has no promise to spare
 * for each.
 */
export const atOnce: unique symbol = Symbol('hawser.atOnce');

export interface AtOnce<T> extends AsyncIterator<T> {
  /** What `next` would resolve to, and it is taken; undefined where that is yet to come, or is a failure. */
  [atOnce](): IteratorResult<T> | undefined;
}

export function hasAtOnce<T>(iterator: AsyncIterator<T>): iterator is AtOnce<T> {
  return atOnce in iterator;
}
