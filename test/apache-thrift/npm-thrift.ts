/** The npm package, which has no types of its own; and a stub of it as its generator makes them, for one service of the tests. */
import { createRequire } from 'node:module';

// biome-ignore lint/suspicious/noExplicitAny: the package is untyped
type Any = any;

export const npm: Any = createRequire(import.meta.url)('thrift');
const { Type, MessageType } = npm.Thrift;

export class NpmBadFish extends Error {
  fish: string | null = null;

  write(output: Any): void {
    output.writeStructBegin('BadFish');
    output.writeFieldBegin('fish', Type.STRING, 1);
    output.writeString(this.fish);
    output.writeFieldEnd();
    output.writeFieldStop();
    output.writeStructEnd();
  }
}

/** `string getSale(1: string fish) throws (1: BadFish bad)`, `oneway void note(1: string text)`. */
export class NpmClient {
  _seqid = 0;
  _reqs: Record<number, Any> = {};
  output: Any;
  pClass: Any;

  constructor(output: Any, pClass: Any) {
    this.output = output;
    this.pClass = pClass;
  }

  new_seqid(): number {
    this._seqid += 1;
    return this._seqid;
  }

  #send(name: string, type: number, argument: string, seqid = this.new_seqid()): void {
    const output = new this.pClass(this.output);
    output.writeMessageBegin(name, type, seqid);
    output.writeStructBegin('args');
    output.writeFieldBegin('a', Type.STRING, 1);
    output.writeString(argument);
    output.writeFieldEnd();
    output.writeFieldStop();
    output.writeStructEnd();
    output.writeMessageEnd();
    output.flush();
  }

  getSale(fish: string, name = 'getSale', type: number = MessageType.CALL): Promise<string> {
    return new Promise((resolve, reject) => {
      const seqid = this.new_seqid();
      this._reqs[seqid] = (error: unknown, result: string) => (error ? reject(error) : resolve(result));
      this.#send(name, type, fish, seqid);
    });
  }

  note(text: string): void {
    this.#send('note', MessageType.ONEWAY, text);
  }

  recv_getSale(input: Any, mtype: number, rseqid: number): void {
    const callback = this._reqs[rseqid];
    delete this._reqs[rseqid];
    if (mtype === MessageType.EXCEPTION) {
      const exception = new npm.Thrift.TApplicationException();
      exception.read(input);
      input.readMessageEnd();
      callback(exception);
      return;
    }
    let success: string | undefined;
    let bad: NpmBadFish | undefined;
    input.readStructBegin();
    for (;;) {
      const { ftype, fid } = input.readFieldBegin();
      if (ftype === Type.STOP) break;
      if (fid === 0) success = input.readString();
      else if (fid === 1) {
        bad = new NpmBadFish();
        input.readStructBegin();
        for (;;) {
          const field = input.readFieldBegin();
          if (field.ftype === Type.STOP) break;
          if (field.fid === 1) bad.fish = input.readString();
          else input.skip(field.ftype);
          input.readFieldEnd();
        }
        input.readStructEnd();
      } else input.skip(ftype);
      input.readFieldEnd();
    }
    input.readStructEnd();
    input.readMessageEnd();
    callback(bad ?? null, success);
  }

  recv_unknown(input: Any, mtype: number, rseqid: number): void {
    this.recv_getSale(input, mtype, rseqid);
  }
}

/** A processor as the package's generator makes them, for the same service. */
export class NpmProcessor {
  #handler: { getSale(fish: string): string; note(text: string): void };

  constructor(handler: { getSale(fish: string): string; note(text: string): void }) {
    this.#handler = handler;
  }

  process(input: Any, output: Any): void {
    const { fname, rseqid } = input.readMessageBegin();
    let argument = '';
    input.readStructBegin();
    for (;;) {
      const { ftype, fid } = input.readFieldBegin();
      if (ftype === Type.STOP) break;
      if (fid === 1 && ftype === Type.STRING) argument = input.readString();
      else input.skip(ftype);
      input.readFieldEnd();
    }
    input.readStructEnd();
    input.readMessageEnd();
    if (fname === 'note') {
      this.#handler.note(argument);
      return;
    }
    if (fname !== 'getSale') {
      const exception = new npm.Thrift.TApplicationException(1, `Unknown function ${fname}`);
      output.writeMessageBegin(fname, MessageType.EXCEPTION, rseqid);
      exception.write(output);
      output.writeMessageEnd();
      output.flush();
      return;
    }
    let success: string | undefined;
    let bad: NpmBadFish | undefined;
    try {
      success = this.#handler.getSale(argument);
    } catch (error) {
      if (!(error instanceof NpmBadFish)) throw error;
      bad = error;
    }
    output.writeMessageBegin(fname, MessageType.REPLY, rseqid);
    output.writeStructBegin('result');
    if (success !== undefined) {
      output.writeFieldBegin('success', Type.STRING, 0);
      output.writeString(success);
      output.writeFieldEnd();
    }
    if (bad !== undefined) {
      output.writeFieldBegin('bad', Type.STRUCT, 1);
      bad.write(output);
      output.writeFieldEnd();
    }
    output.writeFieldStop();
    output.writeStructEnd();
    output.writeMessageEnd();
    output.flush();
  }
}
