/** Reads one message out of its bytes. */
export class ProtoReader {
  protected pos = 0;
  protected end = 0;

  /** Where the next read begins, in bytes from the start. */
  get offset(): number {
    return this.pos;
  }
}
