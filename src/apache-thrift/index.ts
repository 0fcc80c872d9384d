/**
 * `hawser/apache-thrift`: services and stubs of Hawser on the servers and connections of the npm package
 * `thrift`, so that a team can move one file at a time. The package itself stays with its user.
 */
export type {
  ApacheConnection,
  ApacheProcessor,
  ApacheProtocol,
  ApacheTransport,
} from './apache-types.js';
export { type ConnectionOptions, fromApacheConnection } from './connection.js';
export { type ProcessorOptions, toApacheProcessor } from './processor.js';
export { ApacheProtocolReader } from './protocol-reader.js';
export { ApacheProtocolWriter } from './protocol-writer.js';
