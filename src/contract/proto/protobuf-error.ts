/** Bytes that are no protobuf message, or not one of the type that they were read as. */
export class ProtobufError extends Error {
  constructor(message: string) {
    super(message);
    Object.defineProperty(this, 'name', { value: 'ProtobufError', configurable: true, writable: true });
  }
}
