/** Streams over gRPC, one at a time: from the server, and both ways. */
import { streamBench } from '../harness/echo-bench.js';

export const stream = streamBench('pour', {
  name: 'stream',
  title: 'messages of one server stream over gRPC, 125 B and 2 KB',
  mustHold: ['125B'],
});

export const bidi = streamBench('chat', {
  name: 'bidi',
  title: 'messages echoed on one bidirectional stream over gRPC, 125 B and 2 KB',
  mustHold: [],
});
