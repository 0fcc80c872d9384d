import { unary } from '../../../src/contract/method.js';
import { defineService } from '../../../src/contract/service.js';
import { type Note, noteCodec } from '../../support/echo.js';

export { Echo, note } from '../../support/echo.js';

export const ThriftEcho = defineService({
  name: 'test.ThriftEcho',
  idl: 'thrift',
  fingerprint: '',
  methods: { say: unary<Note, Note>({ name: 'say', request: noteCodec, response: noteCodec }) },
});
