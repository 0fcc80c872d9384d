/**
 * The client's half of versions. It stands at each address, inside the choice of one: what was agreed holds for the server
 * that said it, and a proxy, a rolling upgrade or a rollback puts another one behind the same address at any time. So every
 * answer says who it is from, by a hash that is compared and not read; only when it is another is anything done. Nothing is
 * asked in advance: the first calls carry the hello in full, and count as those of minor 0 at the client until an answer came.
 */
import type { ResponseWatch } from '../call/attachments.js';
import type { Call } from '../call/call.js';
import { type RawHeaders, rawText } from '../call/headers.js';
import type { Handler } from '../call/interceptor.js';
import type { ClientTransport } from '../call/transport.js';
import type { MethodType } from '../contract/method.js';
import type { ServiceType } from '../contract/service.js';
import type { ClientEventHub } from './client-events.js';
import { rangeOf, type VersionOptions } from './contract-range.js';
import type { DeprecationNotices } from './deprecation.js';
import { activeOf, featuresOf } from './features.js';
import {
  agreedVersion,
  askSuffix,
  formatConfirmation,
  formatHello,
  formatShort,
  frameworkVersion,
  type Hello,
  hashOf,
  helloHeader,
  parseConfirmation,
  parseHello,
} from './hello.js';

/** What a client and one server agreed on. */
export interface Negotiated {
  readonly address: string;
  /** This run of the server. */
  readonly instance: string;
  /** The version that both speak; undefined when their ranges do not meet. */
  readonly version: string | undefined;
  /** The server's own. */
  readonly peerVersion: string;
  /** What both ends understand and use. */
  readonly features: readonly string[];
  /** Version of Hawser at the server. */
  readonly framework: string;
  /** Whether both were generated from the same schema. */
  readonly sameSchema: boolean;
}

/** Servers behind one address that are remembered. */
const mostInstances = 32;
/** A server that gave none of so many answers is not behind the address any more. */
const silentAnswers = 64;

export interface ClientNegotiationInit {
  readonly service: ServiceType;
  readonly versions: VersionOptions | undefined;
  readonly active: 'all' | readonly string[];
  readonly notices: DeprecationNotices;
  readonly events: ClientEventHub;
}

export class ClientNegotiation {
  readonly #init: ClientNegotiationInit;
  readonly #own: Introduction | undefined;
  readonly #views = new Set<AddressView>();

  constructor(init: ClientNegotiationInit) {
    this.#init = init;
    const { service, active } = init;
    const range = rangeOf(service, init.versions);
    const features = featuresOf(service);
    if (range !== undefined) {
      this.#own = introduction({
        contract: service.name,
        framework: frameworkVersion,
        fingerprint: service.fingerprint.slice(0, 16),
        ...range,
        features,
        active: activeOf(features, active),
      });
    }
  }

  /** The transport of one address, with the hello on what is sent there. */
  around(transport: ClientTransport, address = transport.address): ClientTransport {
    const { carriesHeaders = true, settlesOnAbort = false } = transport;
    // Where nothing is carried there is nobody to talk to.
    if (!carriesHeaders && transport.introduce === undefined) return transport;
    const { service, notices, events } = this.#init;
    const view = this.#own === undefined ? undefined : new AddressView(address, this.#own, events);
    if (view !== undefined) this.#views.add(view);
    if (!carriesHeaders && view !== undefined) {
      transport.introduce?.(view.line, (answer) => view.connected(answer));
    }
    return {
      encoding: transport.encoding,
      carriesHeaders,
      settlesOnAbort,
      address: transport.address,
      bind: (method) => {
        const next = transport.bind(method);
        if (!carriesHeaders) return next;
        const own = method.service === service ? view : undefined;
        return own === undefined
          ? watched(new Watch(method, notices, undefined), next)
          : greeting(method, notices, own, next);
      },
      close: (graceMs) => {
        if (view !== undefined) this.#views.delete(view);
        return transport.close(graceMs);
      },
    };
  }

  /** Of each server that answered lately, by address. */
  status(): readonly Negotiated[] {
    return [...this.#views].flatMap((view) => view.status());
  }

  /** Whether a feature may be used wherever the next call goes: every address has said so. */
  has(feature: string): boolean {
    return this.#views.size > 0 && [...this.#views].every((view) => view.has(feature));
  }
}

interface Introduction {
  readonly hello: Hello;
  readonly text: string;
  readonly hash: string;
}

function introduction(hello: Hello): Introduction {
  const text = formatHello(hello);
  return { hello, text, hash: hashOf(text) };
}

function watched(watch: ResponseWatch, next: Handler): Handler {
  return (call) => {
    call.watch = watch;
    return next(call);
  };
}

function greeting(method: MethodType, notices: DeprecationNotices, view: AddressView, next: Handler): Handler {
  const watch = new Watch(method, notices, view);
  return (call) => {
    call.headers.put(helloHeader, view.line);
    call.watch = watch;
    return next(call);
  };
}

class Watch implements ResponseWatch {
  readonly #method: MethodType;
  readonly #notices: DeprecationNotices;
  readonly #view: AddressView | undefined;

  constructor(method: MethodType, notices: DeprecationNotices, view: AddressView | undefined) {
    this.#method = method;
    this.#notices = notices;
    this.#view = view;
  }

  received(headers: RawHeaders, _call: Call, ended: boolean): void {
    this.#view?.received(headers, ended);
    this.#notices.received(headers, this.#method);
  }
}

/** A server, as it said it is. */
interface Instance {
  readonly id: string;
  /** Its hello. */
  readonly text: string;
  readonly hash: string;
  /** What this client says to it once it knows this client. */
  readonly line: string;
  readonly agreed: Negotiated;
  /** It knows this client by hash only, and wants its hello in full. */
  asks: boolean;
  /** The number of the last answer that it gave. */
  answered: number;
  /** Those on which it said so, where each is told once. */
  connections: number;
}

/** What is known of the servers behind one address. */
class AddressView {
  readonly #address: string;
  readonly #own: Introduction;
  readonly #events: ClientEventHub;
  /** By their ids; the one that answered longest ago first. */
  readonly #instances = new Map<string, Instance>();
  #last: Instance | undefined;
  /** What the server of the last answer says when nothing has changed. */
  #expected = '';
  #answers = 0;
  /** The header of the next call. */
  line: string;

  constructor(address: string, own: Introduction, events: ClientEventHub) {
    this.#address = address;
    this.#own = own;
    this.#events = events;
    this.line = own.text;
  }

  status(): readonly Negotiated[] {
    return this.#live().map(({ agreed }) => agreed);
  }

  has(feature: string): boolean {
    const live = this.#live();
    return live.length > 0 && live.every(({ agreed }) => agreed.features.includes(feature));
  }

  received(headers: RawHeaders, ended: boolean): void {
    const text = rawText(headers, helloHeader);
    this.#answers += 1;
    if (text === this.#expected && this.#last !== undefined) this.#last.answered = this.#answers;
    else if (text === undefined || !this.#hear(text)) this.#silence(ended);
  }

  /** A server has answered on a connection, for as long as that is open. Returns what is to be done at its end. */
  connected(text: string): () => void {
    this.#answers += 1;
    const instance = this.#hear(text) ? this.#last : undefined;
    if (instance === undefined) return () => {};
    instance.connections += 1;
    return () => {
      instance.connections -= 1;
      if (instance.connections === 0 && this.#instances.get(instance.id) === instance) {
        this.#instances.delete(instance.id);
      }
    };
  }

  /**
   * Not a word: the server has no Hawser, or none any more. What failed on the way there (a proxy that answers for it, a
   * server with too much to do) says nothing of who is there, and the next call introduces itself again.
   */
  #silence(ended: boolean): void {
    this.line = this.#own.text;
    this.#expected = '';
    this.#last = undefined;
    if (!ended) this.#instances.clear();
  }

  /** Whether it was a word of a server that can be understood. */
  #hear(text: string): boolean {
    const confirmed = parseConfirmation(text);
    if (confirmed !== undefined) {
      const known = this.#find(({ hash }) => hash === confirmed);
      if (known === undefined) this.line = this.#own.text;
      else this.#hold(known, false);
      return true;
    }
    const asks = text.endsWith(askSuffix);
    const said = asks ? text.slice(0, -askSuffix.length) : text;
    const known = this.#find((one) => one.text === said);
    const instance = known ?? this.#meet(said);
    if (instance === undefined) return false;
    this.#hold(instance, asks);
    if (known === undefined && this.#events.wants('negotiated')) this.#events.emit('negotiated', instance.agreed);
    return true;
  }

  #find(matches: (instance: Instance) => boolean): Instance | undefined {
    for (const instance of this.#instances.values()) if (matches(instance)) return instance;
    return undefined;
  }

  #meet(text: string): Instance | undefined {
    const own = this.#own.hello;
    const hello = parseHello(text);
    if (hello?.instance === undefined || hello.contract !== own.contract) return undefined;
    const agreed: Negotiated = Object.freeze({
      address: this.#address,
      instance: hello.instance,
      version: agreedVersion(own, hello)?.text,
      peerVersion: hello.max.text,
      features: Object.freeze(own.active.filter((one) => hello.active.includes(one))),
      framework: hello.framework,
      sameSchema: hello.fingerprint !== '' && hello.fingerprint === own.fingerprint,
    });
    const hash = hashOf(text);
    const line = formatShort({ client: this.#own.hash, server: hash, min: own.min, max: own.max });
    return { id: hello.instance, text, hash, line, agreed, asks: false, answered: this.#answers, connections: 0 };
  }

  #hold(instance: Instance, asks: boolean): void {
    instance.answered = this.#answers;
    instance.asks = asks;
    this.#instances.delete(instance.id);
    this.#instances.set(instance.id, instance);
    this.#last = instance;
    this.#expected = formatConfirmation(instance.hash);
    for (const [id, oldest] of this.#instances) {
      if (this.#instances.size <= mostInstances && this.#isLive(oldest)) break;
      this.#instances.delete(id);
    }
    // Which of the servers takes the next call is not known: as long as one asks, all are told.
    const asked = this.#find((one) => one.asks) !== undefined;
    this.line = asked ? this.#own.text : instance.line;
  }

  #live(): Instance[] {
    return [...this.#instances.values()].filter((one) => this.#isLive(one));
  }

  #isLive({ answered, connections }: Instance): boolean {
    return connections > 0 || this.#answers - answered < silentAnswers;
  }
}
