/**
 * The comment of the file itself, as Apache's compiler finds it: the first doc comment of the
 * file, unless a header came first, or an element got it, which Apache tells by the line on which
 * the last comment ended (`t_doc::set_doc`).
 */
export class FileDoc {
  private candidate: string | undefined;
  private candidateLine = 0;
  private lastLine = 0;
  private status: 'open' | 'candidate' | 'sure' | 'none' | 'an element has it' = 'open';
  private shared = false;

  /** A doc comment ends on `line`. */
  seen(doc: string | undefined, line: number): void {
    this.lastLine = line;
    if (this.status !== 'open' || doc === undefined) return;
    this.candidate = doc;
    this.candidateLine = line;
    this.status = 'candidate';
  }

  /** An element gets the comment that was seen last. */
  taken(): void {
    if (this.candidate !== undefined && this.lastLine === this.candidateLine) this.shared = true;
  }

  /** An element that has a comment has been read. */
  attached(doc: string | undefined): void {
    if (doc === undefined || this.lastLine !== this.candidateLine || this.status !== 'candidate') return;
    this.status = 'an element has it';
  }

  /** A header has been read. */
  header(): void {
    if (this.status !== 'an element has it') this.status = this.status === 'candidate' ? 'sure' : 'none';
  }

  get text(): string | undefined {
    return this.status === 'an element has it' ? undefined : this.candidate;
  }

  /** Whether it is not also the comment of an element. */
  get own(): boolean {
    return this.text !== undefined && !this.shared;
  }
}
