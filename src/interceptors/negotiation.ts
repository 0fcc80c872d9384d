/**
 * The server's half of versions: reads what a client says of itself, refuses one whose versions and ours do not meet, tells
 * the handler what the caller understands, and answers with what this server is: in full to whom does not know, by a hash to
 * whom does. Whatever is in the header, a call fails only over versions that were understood and do not meet.
 */
import { randomBytes } from 'node:crypto';
import { sharing } from '../call/answer-steps.js';
import type { CallerContract } from '../call/attachments.js';
import type { Call } from '../call/call.js';
import type { Clock } from '../call/clock.js';
import { rawText } from '../call/headers.js';
import type { Interceptor } from '../call/interceptor.js';
import { ownError } from '../call/own-error.js';
import type { RpcError } from '../call/rpc-error.js';
import type { ServiceType } from '../contract/service.js';
import { rangeOf, type VersionOptions } from './contract-range.js';
import { criticalityOf } from './criticality.js';
import { activeOf, featuresOf, PeerAgreement, type ServerFeatureTerms } from './features.js';
import {
  agreedVersion,
  askSuffix,
  compareVersions,
  formatConfirmation,
  formatHello,
  frameworkVersion,
  type Hello,
  hashOf,
  helloHeader,
  longestHello,
  parseHello,
  parseShort,
  rangeText,
} from './hello.js';
import { Recent } from './recent.js';
import type { ServerEventHub } from './server-events.js';

/** Clients of one contract that are known by their hash; one build of a client is one of these, however many run. */
const mostClients = 512;

export interface NegotiationTerms {
  readonly versions: VersionOptions | undefined;
  readonly features: ServerFeatureTerms;
  readonly clock: Clock;
  readonly events: ServerEventHub;
}

/** A client, as it said it is. */
interface Client extends CallerContract {
  readonly range: Pick<Hello, 'min' | 'max'>;
  /** What it uses of its own. */
  readonly active: readonly string[];
  /** Undefined where only its hash came, and is not known. */
  readonly understood: readonly string[] | undefined;
  /** Why it is refused. */
  readonly refusal: string | undefined;
  features: readonly string[];
}

/** One header's meaning: the client, and what it is answered. */
interface Heard {
  readonly client: Client | undefined;
  readonly answer: string;
}

export class ServerNegotiation {
  readonly #terms: NegotiationTerms;
  /** Of this run of the server: a client that sees another one starts anew. */
  readonly #instance = randomBytes(12).toString('base64url');
  readonly #contracts = new Map<ServiceType, ServedContract>();

  constructor(terms: NegotiationTerms) {
    this.#terms = terms;
  }

  /** Stage `negotiate`. */
  readonly interceptor: Interceptor = sharing((method, next) => {
    const contract = this.#contract(method.service);
    if (contract === undefined) return next;
    const { events } = this.#terms;
    return (call) => {
      const client = contract.meet(call);
      if (client?.refusal === undefined) return next(call);
      if (events.wants('rejected')) {
        const { principal } = call;
        events.emit('rejected', { method, reason: 'version', criticality: criticalityOf(call), principal });
      }
      return Promise.reject(contract.unsupported(client, client.refusal));
    };
  });

  /** For wires without headers, on which Thrift alone is spoken: what a hello is answered. */
  readonly introduce = (text: string): string | undefined => {
    if (text.length > longestHello) return undefined;
    const name = parseHello(text)?.contract;
    for (const [service, contract] of this.#contracts) {
      if (service.idl === 'thrift' && service.name === name) return contract.answer(text);
    }
    return undefined;
  };

  /** The same for all transports: what one of them has heard of a client holds for all. */
  #contract(service: ServiceType): ServedContract | undefined {
    const known = this.#contracts.get(service);
    if (known !== undefined) return known;
    const range = rangeOf(service, this.#terms.versions);
    if (range === undefined) return undefined;
    const contract = new ServedContract(service, range, this.#instance, this.#terms);
    this.#contracts.set(service, contract);
    return contract;
  }
}

class ServedContract {
  readonly #clients = new Recent<Client>(mostClients);
  /** By the text of the header: what comes a second time is not read again. */
  readonly #heard = new Recent<Heard>(mostClients);
  readonly #peers: PeerAgreement | undefined;
  #hello: Hello;
  #text!: string;
  #hash!: string;

  constructor(
    service: ServiceType,
    range: Pick<Hello, 'min' | 'max'>,
    instance: string,
    { features: { active, drain }, clock }: NegotiationTerms,
  ) {
    const understood = featuresOf(service);
    const candidates = activeOf(understood, active);
    if (drain !== undefined && candidates.length > 0) this.#peers = new PeerAgreement(candidates, clock, drain);
    this.#hello = {
      contract: service.name,
      framework: frameworkVersion,
      fingerprint: service.fingerprint.slice(0, 16),
      ...range,
      features: understood,
      active: this.#peers?.active ?? candidates,
      instance,
    };
    this.#say(this.#hello);
  }

  /** Who calls; undefined for a peer without Hawser, and for one that has to introduce itself again. */
  meet(call: Call): Client | undefined {
    const text = rawText(call.rawHeaders, helloHeader);
    const heard = text === undefined ? undefined : this.#listen(text);
    const client = heard?.client;
    const understood = client === undefined ? [] : client.understood;
    if (understood !== undefined && this.#peers?.called(understood) === true) this.#change(this.#peers.active);
    if (heard === undefined) return undefined;
    if (call.carriesHeaders) call.responseHeaders.put(helloHeader, heard.answer);
    if (client?.refusal === undefined) call.caller = client;
    return client;
  }

  answer(text: string): string | undefined {
    return this.#listen(text)?.answer;
  }

  unsupported({ range }: Client, message: string): RpcError {
    const ours = this.#hello;
    return ownError('VERSION_UNSUPPORTED', message, {
      metadata: {
        service: ours.contract,
        clientMin: range.min.text,
        clientMax: range.max.text,
        serverMin: ours.min.text,
        serverMax: ours.max.text,
      },
      disposition: 'not-executed',
    });
  }

  /** Undefined for what is no hello of this contract. */
  #listen(text: string): Heard | undefined {
    if (text.length > longestHello) return undefined;
    const before = this.#heard.get(text);
    if (before !== undefined) return before;
    const short = parseShort(text);
    if (short !== undefined) {
      const client = this.#clients.get(short.client);
      // Not kept: it is to be read again once the client has said who it is.
      if (client === undefined) return { client: this.#client(short), answer: this.#text + askSuffix };
      return this.#keep(text, client, short.server === this.#hash ? formatConfirmation(this.#hash) : this.#text);
    }
    const hello = parseHello(text);
    if (hello === undefined || hello.contract !== this.#hello.contract) return undefined;
    const client = this.#client(hello, hello);
    this.#clients.set(hashOf(text), client);
    return this.#keep(text, client, this.#text);
  }

  #client(range: Pick<Hello, 'min' | 'max'>, said?: Pick<Hello, 'features' | 'active'>): Client {
    const active = said?.active ?? [];
    return {
      range,
      version: range.max.text,
      active,
      understood: said?.features,
      refusal: this.#refusal(range),
      features: both(active, this.#hello.active),
    };
  }

  #keep(text: string, client: Client, answer: string): Heard {
    const heard = { client, answer };
    this.#heard.set(text, heard);
    return heard;
  }

  #refusal(theirs: Pick<Hello, 'min' | 'max'>): string | undefined {
    const ours = this.#hello;
    if (agreedVersion(theirs, ours) !== undefined) return undefined;
    const older = compareVersions(theirs.max, ours.min) < 0;
    return `the client speaks ${ours.contract} ${rangeText(theirs)} and this server ${rangeText(ours)}; upgrade the ${older ? 'client' : 'server'}`;
  }

  #change(active: readonly string[]): void {
    this.#say({ ...this.#hello, active });
    this.#heard.clear();
    for (const client of this.#clients.values()) client.features = both(client.active, active);
  }

  #say(hello: Hello): void {
    this.#hello = hello;
    this.#text = formatHello(hello);
    this.#hash = hashOf(this.#text);
  }
}

function both(a: readonly string[], b: readonly string[]): readonly string[] {
  return a.filter((one) => b.includes(one));
}
