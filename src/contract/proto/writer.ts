/** Writes one message into a buffer that grows. */
export class ProtoWriter {
  protected pos = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.pos;
  }
}
