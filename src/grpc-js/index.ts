/** `hawser/grpc-js`: Hawser's stubs on channels of the npm package `@grpc/grpc-js`. Hawser on its servers is `server.mount`. */
export { grpcJsTransport } from './transport.js';
