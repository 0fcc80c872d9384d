/** Time, turns and memory of Node for the HTTP/2 engine. */
import type { Host } from '../../http2/byte-pipe.js';

export const nodeHost: Host = {
  now: () => performance.now(),
  setTimer(fn, ms) {
    const timer = setTimeout(fn, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
  defer: (fn) => {
    setImmediate(fn);
  },
  // Not out of Buffer's pool: a piece that is kept must not keep its neighbours.
  allocate: (bytes) => Buffer.allocUnsafeSlow(bytes),
  latin1(bytes, from, to) {
    // Up to some 20 bytes a loop is faster than the way into C++.
    if (to - from > 20) return Buffer.prototype.latin1Slice.call(bytes, from, to);
    let text = '';
    for (let at = from; at < to; at++) text += String.fromCharCode(bytes[at] as number);
    return text;
  },
};
