/**
 * The parts of the npm package `thrift` that the adapters touch, written down here because its types on npm
 * are of an older version. Nothing imports the package: the objects come from who uses it.
 */
import { shown } from '../contract/option-names.js';

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

/**
 * What `thrift.createConnection` and its like return, so far as the package and its types on npm (`@types/thrift`, of 0.10) agree:
 * these take the classes of transport and protocol for instances.
 */
export interface ApacheConnection {
  readonly transport: unknown;
  readonly protocol: unknown;
  readonly connected: boolean;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly path?: string | undefined;
  /** The socket. */
  readonly connection: object;
}

type Listen = (event: string, listener: (...args: never[]) => void) => unknown;

/** The same as it is. */
export interface OpenApacheConnection extends ApacheConnection {
  readonly transport: new (buffer: undefined, onFlush: (bytes: Buffer, seqid?: number) => void) => ApacheTransport;
  readonly protocol: { readonly name: string };
  readonly connection: { readonly destroyed?: boolean; readonly on: Listen; readonly removeListener: Listen };
  /** Whom replies are given to: a client of the package, or several by name of service when multiplexed. */
  client?: object;
  write(bytes: Buffer, seqid?: number): void;
  readonly on: Listen;
  readonly removeListener: Listen;
}

/** Throws a TypeError for what is no connection of the package over a socket. */
export function checkConnection(connection: ApacheConnection): asserts connection is OpenApacheConnection {
  const given: Partial<OpenApacheConnection> =
    typeof connection === 'object' && (connection as object | null) !== null
      ? (connection as OpenApacheConnection)
      : {};
  const { transport, protocol, on, write, connection: socket } = given;
  const whole = [transport, protocol, on, write, socket?.on, socket?.removeListener];
  if (whole.every((one) => typeof one === 'function')) return;
  throw new TypeError(
    `fromApacheConnection was given ${shown(connection)} that is no connection over a socket; it takes what thrift.createConnection or createSSLConnection returns`,
  );
}

/** A processor, as `new thrift.MultiplexedProcessor().registerProcessor(name, processor)` takes it. */
export interface ApacheProcessor {
  /** For `thrift.createServer`, which wants a class. */
  readonly Processor: new () => ApacheProcessor;
  process(input: ApacheProtocol, output: ApacheProtocol): void;
}
