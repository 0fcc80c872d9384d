/**
 * The parts of the npm package `thrift` that the adapters touch, written down here because its types on npm
 * are of an older version. Nothing imports the package: the objects come from who uses it.
 */
export interface ApacheTransport {
  write(bytes: Buffer): void;
  flush(): void;
  /** What is buffered and not yet read. */
  borrow(): { readonly buf: Buffer; readonly readIndex: number; readonly writeIndex: number };
  consume(bytes: number): void;
  read(bytes: number): Buffer;
  /** Throws the package's own InputBufferUnderrunError when less is buffered: its servers and connections then wait. */
  ensureAvailable(bytes: number): void;
  /** Framed transports only. */
  readonly readPos?: number;
}

export interface ApacheMessageHeader {
  readonly fname: unknown;
  readonly mtype: number;
  readonly rseqid: number;
}

export interface ApacheField {
  readonly ftype: number;
  readonly fid: number;
}

export interface ApacheInt64 {
  readonly buffer: Buffer;
  readonly offset?: number;
}

export interface ApacheProtocol {
  readonly trans: ApacheTransport;
  flush(): void;
  writeStructBegin(name: string): void;
  writeStructEnd(): void;
  writeFieldBegin(name: string, type: number, id: number): void;
  writeFieldEnd(): void;
  writeFieldStop(): void;
  writeMapBegin(key: number, value: number, size: number): void;
  writeListBegin(element: number, size: number): void;
  writeSetBegin(element: number, size: number): void;
  writeBool(value: boolean): void;
  writeByte(value: number): void;
  writeI16(value: number): void;
  writeI32(value: number): void;
  writeI64(value: unknown): void;
  writeDouble(value: number): void;
  writeString(value: string | Buffer): void;
  writeBinary(value: Buffer): void;
  readMessageBegin(): ApacheMessageHeader;
  readStructBegin(): void;
  readStructEnd(): void;
  readFieldBegin(): ApacheField;
  readFieldEnd(): void;
  readMapBegin(): { readonly ktype: number; readonly vtype: number; readonly size: number };
  readListBegin(): { readonly etype: number; readonly size: number };
  readSetBegin(): { readonly etype: number; readonly size: number };
  readBool(): boolean;
  readByte(): number;
  readI16(): number;
  readI32(): number;
  readI64(): ApacheInt64;
  readDouble(): number;
  readBinary(): Buffer | string;
  skip(type: number): void;
}

/** What `thrift.createConnection` and its like return. */
export interface ApacheConnection {
  readonly transport: new (buffer: undefined, onFlush: (bytes: Buffer, seqid?: number) => void) => ApacheTransport;
  readonly protocol: { readonly name: string };
  readonly connected: boolean;
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
  /** The socket. */
  readonly connection: {
    readonly destroyed?: boolean;
    on(event: string, listener: (...args: never[]) => void): unknown;
    removeListener(event: string, listener: (...args: never[]) => void): unknown;
  };
  /** Whom replies are given to: a client of the package, or several by name of service when multiplexed. */
  client?: object;
  write(bytes: Buffer, seqid?: number): void;
  end(): void;
  on(event: string, listener: (...args: never[]) => void): unknown;
  removeListener(event: string, listener: (...args: never[]) => void): unknown;
}

/** A processor, as `new thrift.MultiplexedProcessor().registerProcessor(name, processor)` takes it. */
export interface ApacheProcessor {
  /** For `thrift.createServer`, which wants a class. */
  readonly Processor: new () => ApacheProcessor;
  process(input: ApacheProtocol, output: ApacheProtocol): void;
}
