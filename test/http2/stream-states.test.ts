/**
 * The states of streams, for both roles: random frames of a peer that keeps to nothing and random acts of our application, against
 * a model of RFC 9113, section 5.1, small enough to be read beside it. Where the section leaves a choice, the model says which one
 * is taken. Prints its seed when it fails.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../src/http2/error-code.js';
import { Flag, FrameType, uint32 } from '../../src/http2/frame.js';
import type { HeaderList } from '../../src/http2/header-list.js';
import type { Stream, StreamFailure, StreamReceiver } from '../../src/http2/stream.js';
import { runs } from '../support/soak.js';
import { frame, greeting, RawClient, RawServer, rawRequest, rawResponse, requestFields, sendHead } from './talk.js';

type Role = 'client' | 'server';
type State = 'open' | 'half-closed (local)' | 'half-closed (remote)' | 'closed';

interface ModelStream {
  state: State;
  /** The peer's head has come. */
  headed: boolean;
  /** Our head has gone. */
  answered: boolean;
  /** Closed by a RST_STREAM of ours: the peer may not know yet, so what still comes is discarded. */
  resetByUs: boolean;
  failed: boolean;
}

/** What one act leads to: RST_STREAM of ours, or the end of the connection. */
interface Reaction {
  readonly resets?: readonly number[];
  readonly goAway?: number;
}

const nothing: Reaction = {};
const dead = (goAway: number): Reaction => ({ goAway });

class Model {
  readonly streams = new Map<number, ModelStream>();
  /** The highest id of the side that opens streams: the client. */
  lastId = -1;
  over = false;

  constructor(readonly role: Role) {}

  get open(): number {
    return [...this.streams.values()].filter(({ state }) => state !== 'closed').length;
  }

  isIdle(id: number): boolean {
    return id > this.lastId;
  }

  /** 5.1.1: ids that were jumped over are closed without a use. */
  add(id: number, state: State, more: Partial<ModelStream>): ModelStream {
    const stream = { state, headed: false, answered: false, resetByUs: false, failed: false, ...more };
    this.streams.set(id, stream);
    this.lastId = id;
    return stream;
  }

  /** 5.4.2 */
  fault(stream: ModelStream | undefined, code: number): Reaction {
    if (stream !== undefined) Object.assign(stream, { state: 'closed', resetByUs: true, failed: true });
    return { resets: [code] };
  }

  remoteEnd(stream: ModelStream): void {
    stream.state = stream.state === 'half-closed (local)' ? 'closed' : 'half-closed (remote)';
  }

  localEnd(stream: ModelStream): Reaction {
    if (this.role === 'server' && stream.state === 'open') {
      // 8.1: a server that has answered may ask for no more of the request, by RST_STREAM(NO_ERROR).
      Object.assign(stream, { state: 'closed', resetByUs: true });
      return { resets: [ErrorCode.NO_ERROR] };
    }
    stream.state = stream.state === 'half-closed (remote)' ? 'closed' : 'half-closed (local)';
    return nothing;
  }

  headers(id: number, kind: 'head' | 'trailers', end: boolean): Reaction {
    const stream = this.streams.get(id);
    if (stream === undefined || stream.state === 'closed') return this.#headersOfNone(id, stream, kind, end);
    if (stream.state === 'half-closed (remote)') return this.fault(stream, ErrorCode.STREAM_CLOSED);
    // 8.1: a head, and trailers that end the stream.
    if (stream.headed ? kind === 'head' || !end : kind === 'trailers')
      return this.fault(stream, ErrorCode.PROTOCOL_ERROR);
    stream.headed = true;
    if (end) this.remoteEnd(stream);
    return nothing;
  }

  #headersOfNone(id: number, stream: ModelStream | undefined, kind: 'head' | 'trailers', end: boolean): Reaction {
    if (this.role === 'client') return this.isIdle(id) ? dead(ErrorCode.PROTOCOL_ERROR) : nothing;
    if (this.isIdle(id)) {
      const opened = this.add(id, end ? 'half-closed (remote)' : 'open', { headed: true });
      return kind === 'head' ? nothing : this.fault(opened, ErrorCode.PROTOCOL_ERROR);
    }
    if (stream === undefined) return dead(ErrorCode.PROTOCOL_ERROR);
    return stream.resetByUs ? nothing : dead(ErrorCode.STREAM_CLOSED);
  }

  data(id: number, end: boolean): Reaction {
    const stream = this.streams.get(id);
    if (this.isIdle(id)) return dead(ErrorCode.PROTOCOL_ERROR);
    if (stream === undefined || stream.state === 'closed') {
      // A choice: the stream again, not the connection, and once.
      if (stream?.resetByUs === true) return nothing;
      if (stream === undefined)
        this.streams.set(id, { state: 'closed', headed: true, answered: true, resetByUs: true, failed: true });
      else stream.resetByUs = true;
      return { resets: [ErrorCode.STREAM_CLOSED] };
    }
    if (stream.state === 'half-closed (remote)') return this.fault(stream, ErrorCode.STREAM_CLOSED);
    if (!stream.headed) return this.fault(stream, ErrorCode.PROTOCOL_ERROR);
    if (end) this.remoteEnd(stream);
    return nothing;
  }

  reset(id: number): Reaction {
    if (this.isIdle(id)) return dead(ErrorCode.PROTOCOL_ERROR);
    const stream = this.streams.get(id);
    if (stream !== undefined && stream.state !== 'closed') Object.assign(stream, { state: 'closed', failed: true });
    return nothing;
  }

  windowUpdate(id: number): Reaction {
    return this.isIdle(id) ? dead(ErrorCode.PROTOCOL_ERROR) : nothing;
  }
}

/** Takes notes, and holds the engine to what it promises its receivers. */
class Notes implements StreamReceiver {
  heads = 0;
  ended = false;
  failure: StreamFailure | undefined;

  head(_stream: Stream, _list: HeaderList, end: boolean): void {
    this.#alive();
    this.heads += 1;
    this.ended ||= end;
  }
  data(stream: Stream, _bytes: Uint8Array, from: number, to: number): void {
    this.#alive();
    stream.consume(to - from);
  }
  end(): void {
    this.#alive();
    this.ended = true;
  }
  failed(_stream: Stream, failure: StreamFailure): void {
    expect(this.failure).toBeUndefined();
    this.failure = failure;
  }
  writable(): void {}

  #alive(): void {
    expect([this.ended, this.failure]).toEqual([false, undefined]);
  }
}

/** The connection under test, and a peer that writes frames by hand. */
class Real {
  readonly peer: RawClient | RawServer;
  readonly streams = new Map<number, { readonly stream: Stream; readonly notes: Notes }>();
  #seen = 0;

  constructor(readonly role: Role) {
    const calm = { nuisancePerSecond: Number.POSITIVE_INFINITY };
    if (role === 'client') this.peer = new RawServer({}, calm).greet();
    else {
      const accept = (stream: Stream, _list: HeaderList, end: boolean): StreamReceiver => {
        const notes = new Notes();
        notes.heads = 1;
        notes.ended = end;
        this.streams.set(stream.id, { stream, notes });
        return notes;
      };
      this.peer = new RawClient({ accept }, calm);
      this.peer.send(greeting, frame(FrameType.SETTINGS, Flag.ACK, 0));
    }
    this.peer.loop.settle();
    this.#seen = this.peer.frames().length;
  }

  get connection() {
    return this.peer instanceof RawServer ? this.peer.client : this.peer.server;
  }

  /** What was sent since the last look. */
  reaction(): Reaction {
    this.peer.loop.settle();
    const frames = this.peer.frames();
    const fresh = frames.slice(this.#seen);
    this.#seen = frames.length;
    const resets = fresh.filter(({ type }) => type === FrameType.RST_STREAM).map(({ payload }) => uint32(payload, 0));
    const goAway = fresh.find(({ type }) => type === FrameType.GOAWAY);
    return {
      ...(resets.length === 0 ? {} : { resets }),
      ...(goAway === undefined ? {} : { goAway: uint32(goAway.payload, 4) }),
    };
  }
}

type Command = fc.Command<Model, Real>;

/** One act on a stream that is chosen when it is run: which one, and undefined where there is none. */
class Act implements Command {
  #id: number | undefined;

  constructor(
    readonly name: string,
    readonly choose: (model: Model) => number | undefined,
    readonly expected: (model: Model, id: number) => Reaction,
    readonly act: (real: Real, id: number) => void,
  ) {}

  check(model: Readonly<Model>): boolean {
    this.#id = model.over ? undefined : this.choose(model as Model);
    return this.#id !== undefined;
  }

  run(model: Model, real: Real): void {
    const id = this.#id as number;
    const expected = this.expected(model, id);
    this.act(real, id);
    acts += 1;
    expect(real.reaction()).toEqual(expected);
    if (expected.goAway !== undefined) {
      model.over = true;
      // 5.4.1: all streams end with the connection.
      expect(real.connection.size).toBe(0);
      for (const [one, { notes }] of real.streams) {
        if (model.streams.get(one)?.state !== 'closed') expect(notes.failure).toMatchObject({ by: 'connection' });
      }
      return;
    }
    expect(real.connection.size).toBe(model.open);
    for (const [one, { notes, stream }] of real.streams) {
      const known = model.streams.get(one) as ModelStream;
      expect([stream.closed, notes.failure !== undefined]).toEqual([known.state === 'closed', known.failed]);
    }
  }

  toString(): string {
    return `${this.name} ${this.#id ?? '-'}`;
  }
}

let acts = 0;
/** Any of the streams lately opened, or rarely one that is idle: that ends most connections. */
const anyId = fc.integer({ min: 0, max: 60 }).map((pick) => (model: Model): number | undefined => {
  if (pick === 60) return model.lastId + 4;
  const known = (model.lastId + 1) / 2;
  return known === 0 ? undefined : model.lastId - 2 * (pick % Math.min(known, 6));
});
const nextId = (model: Model): number => model.lastId + 2;
const trailers = [0, 1, 0x61, 1, 0x62];
const endFlag = (end: boolean): number => (end ? Flag.END_STREAM : 0);

function peerActs(role: Role): fc.Arbitrary<Command>[] {
  const first = role === 'client' ? rawResponse : rawRequest;
  const peer = (
    name: string,
    choose: (model: Model) => number | undefined,
    expected: (model: Model, id: number) => Reaction,
    bytes: (id: number) => Uint8Array,
  ): Act => new Act(`peer ${name}`, choose, expected, (real, id) => real.peer.send(bytes(id)));
  const headers = (choose: (model: Model) => number | undefined, kind: 'head' | 'trailers', end: boolean): Act =>
    peer(
      `${kind}${end ? ' with END_STREAM' : ''}`,
      choose,
      (model, id) => model.headers(id, kind, end),
      (id) => frame(FrameType.HEADERS, Flag.END_HEADERS | endFlag(end), id, kind === 'head' ? first : trailers),
    );
  const kinds = fc.constantFrom('head' as const, 'trailers' as const);
  const requests = role === 'server' ? [fc.boolean().map((end) => headers(nextId, 'head', end))] : [];
  return [
    ...requests,
    ...requests,
    fc.tuple(anyId, kinds, fc.boolean()).map((args) => headers(...args)),
    fc.tuple(anyId, fc.boolean()).map(([choose, end]) =>
      peer(
        `DATA${end ? ' with END_STREAM' : ''}`,
        choose,
        (model, id) => model.data(id, end),
        (id) => frame(FrameType.DATA, endFlag(end), id, [1, 2, 3, 4, 5, 6]),
      ),
    ),
    anyId.map((choose) =>
      peer(
        'RST_STREAM',
        choose,
        (model, id) => model.reset(id),
        (id) => frame(FrameType.RST_STREAM, 0, id, [0, 0, 0, 8]),
      ),
    ),
    anyId.map((choose) =>
      peer(
        'WINDOW_UPDATE',
        choose,
        (model, id) => model.windowUpdate(id),
        (id) => frame(FrameType.WINDOW_UPDATE, 0, id, [0, 0, 0, 1]),
      ),
    ),
    anyId.map((choose) =>
      peer(
        'PRIORITY',
        choose,
        () => nothing,
        (id) => frame(FrameType.PRIORITY, 0, id, [0, 0, 0, 0, 1]),
      ),
    ),
  ];
}

/** What our application does, with the nth of the streams that allow it. */
function ownActs(role: Role): fc.Arbitrary<Command>[] {
  const nth = fc.integer({ min: 0, max: 4 });
  const own = (
    name: string,
    wanted: (stream: ModelStream) => boolean,
    expected: (model: Model, stream: ModelStream) => Reaction,
    does: (stream: Stream) => void,
  ): fc.Arbitrary<Command> =>
    nth.map(
      (n) =>
        new Act(
          `own ${name}`,
          (model) => [...model.streams].filter(([, one]) => one.state !== 'closed' && wanted(one))[n]?.[0],
          (model, id) => expected(model, model.streams.get(id) as ModelStream),
          ({ streams }, id) => does(streams.get(id)?.stream as Stream),
        ),
    );
  const sends = ({ state, answered }: ModelStream): boolean => answered && state !== 'half-closed (local)';
  const both = [
    own(
      'DATA',
      sends,
      () => nothing,
      (stream) => void stream.send(new Uint8Array(3)),
    ),
    own(
      'end',
      sends,
      (model, stream) => model.localEnd(stream),
      (stream) => stream.finish(),
    ),
    own(
      'RST_STREAM',
      () => true,
      (_model, stream) => {
        Object.assign(stream, { state: 'closed', resetByUs: true });
        return { resets: [ErrorCode.CANCEL] };
      },
      (stream) => stream.reset(ErrorCode.CANCEL),
    ),
  ];
  if (role === 'server') {
    const head = own(
      'head',
      ({ answered }) => !answered,
      (_model, stream) => {
        stream.answered = true;
        return nothing;
      },
      (stream) => sendHead(stream, [[':status', '200']]),
    );
    return [...both, head];
  }
  const open = (end: boolean): Act =>
    new Act(
      `own request${end ? ' with END_STREAM' : ''}`,
      nextId,
      (model, id) => {
        model.add(id, end ? 'half-closed (local)' : 'open', { answered: true });
        return nothing;
      },
      (real, id) => {
        const notes = new Notes();
        const stream = real.connection.open(notes) as Stream;
        expect(stream.id).toBe(id);
        sendHead(stream, requestFields, end);
        real.streams.set(id, { stream, notes });
      },
    );
  return [...both, fc.boolean().map(open), fc.boolean().map(open)];
}

describe.each(['client', 'server'] as const)('the streams of a %s', (role) => {
  it('are in the states that RFC 9113 gives them, whatever comes and whatever the application does', () => {
    const commands = fc.commands([...peerActs(role), ...ownActs(role)], { maxCommands: 60, size: 'max' });
    acts = 0;
    fc.assert(
      fc.property(commands, (list) => {
        fc.modelRun(() => ({ model: new Model(role), real: new Real(role) }), list);
      }),
      { numRuns: runs(250) },
    );
    // Connections live long enough for the acts to mean something.
    expect(acts).toBeGreaterThan(runs(250) * 6);
  });
});
