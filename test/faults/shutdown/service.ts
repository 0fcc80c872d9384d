import { unary } from '../../../src/contract/method.js';
import { defineService } from '../../../src/contract/service.js';
import { type Note, noteCodec } from '../../support/echo.js';

export { Echo, note } from '../../support/echo.js';

export const ThriftEcho = defineService({
  name: 'test.ThriftEcho',
  idl: 'thrift',
  fingerprint: '',
  methods: {
    // A request that meets the closing of its connection fails as `unknown`: Thrift has no way to tell a client beforehand.
    say: unary<Note, Note>({
      name: 'say',
      request: noteCodec,
      response: noteCodec,
      policy: { idempotency: 'NO_SIDE_EFFECTS' },
    }),
  },
});
