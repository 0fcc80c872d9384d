/**
 * Every metric of the runtime: the two of OpenTelemetry's RPC conventions, and our own. docs/tracing.md has the same list as
 * a table. Made once for each meter provider that is registered.
 */
import type { Counter, Histogram, Meter, ObservableGauge } from '@opentelemetry/api';
import { onRefusal } from '../call/refusals.js';
import { attribute } from './conventions.js';
import { meter, meterProvider } from './open-telemetry.js';

/** s; what the conventions advise. */
export const durationBuckets = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
/** s; a queue is meant to be short. */
const queueBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

export interface Instruments {
  readonly clientDuration: Histogram;
  readonly attempts: Counter;
  readonly retries: Counter;
  readonly giveUps: Counter;
  readonly hedgesSent: Counter;
  readonly hedgesWon: Counter;
  readonly budgetBalance: ObservableGauge;
  readonly breakerState: ObservableGauge;
  readonly breakerChanges: Counter;
  readonly clientDiscarded: Counter;
  readonly clientMalformed: Counter;
  readonly serverDuration: Histogram;
  readonly serverDiscarded: Counter;
  readonly rejected: Counter;
  readonly topicFaults: Counter;
  readonly serverMalformed: Counter;
  readonly queueDelay: Histogram;
  readonly idempotency: Counter;
  readonly refused: Counter;
}

export function makeInstruments(meter: Meter): Instruments {
  const seconds = (name: string, description: string, explicitBucketBoundaries: number[]): Histogram =>
    meter.createHistogram(name, { description, unit: 's', advice: { explicitBucketBoundaries } });
  const counter = (name: string, unit: string, description: string): Counter =>
    meter.createCounter(name, { description, unit });
  const gauge = (name: string, unit: string, description: string): ObservableGauge =>
    meter.createObservableGauge(name, { description, unit });
  return {
    clientDuration: seconds(
      'rpc.client.call.duration',
      'Duration of outgoing calls, retries included',
      durationBuckets,
    ),
    attempts: counter('hawser.client.attempts', '{attempt}', 'Attempts of calls that are over'),
    retries: counter('hawser.client.retries', '{attempt}', 'Failed or slow attempts that are repeated'),
    giveUps: counter('hawser.client.give_ups', '{call}', 'Calls that could have been repeated and were not'),
    hedgesSent: counter('hawser.client.hedges.sent', '{attempt}', 'Copies sent of calls that had no answer yet'),
    hedgesWon: counter('hawser.client.hedges.won', '{attempt}', 'Copies that answered first'),
    budgetBalance: gauge(
      'hawser.client.retry.budget.balance',
      '{token}',
      'Extra attempts that the budget still allows',
    ),
    breakerState: gauge('hawser.client.breaker.state', '1', 'State of the breaker: 0 closed, 1 half-open, 2 open'),
    breakerChanges: counter('hawser.client.breaker.changes', '{change}', 'Changes of the state of breakers'),
    clientDiscarded: counter('hawser.client.discarded', '{call}', 'Calls refused here before anything was sent'),
    clientMalformed: counter(
      'hawser.client.topic.malformed',
      '{update}',
      'Updates that do not decode and were skipped',
    ),
    serverDuration: seconds('rpc.server.call.duration', 'Duration of incoming calls', durationBuckets),
    serverDiscarded: counter(
      'hawser.server.discarded',
      '{call}',
      'Calls dropped because nobody waited for them any more',
    ),
    rejected: counter('hawser.server.admission.rejected', '{call}', 'Calls refused before their handler ran'),
    queueDelay: seconds('hawser.server.queue.delay', 'Time in the queue of calls that had to wait', queueBuckets),
    topicFaults: counter('hawser.server.topic.faults', '{fault}', 'Errors that ended a subscription or its connection'),
    serverMalformed: counter(
      'hawser.server.topic.malformed',
      '{update}',
      'Updates that do not decode and were skipped',
    ),
    idempotency: counter('hawser.server.idempotency', '{call}', 'What became of calls of KEYED methods'),
    refused: counter('hawser.limits.refused', '{refusal}', 'What a bound refused, or cut off'),
  };
}

let counting = false;

/** Refusals are counted where they happen, whichever server or client it is; the first that has telemetry begins to record them. */
export function recordRefusals(): void {
  if (counting) return;
  counting = true;
  onRefusal((reason) => instruments()?.refused.add(1, { [attribute.limit]: reason }));
}

let now: { readonly of: object; readonly instruments: Instruments } | undefined;

/** Undefined while nobody has registered a meter provider. */
export function instruments(): Instruments | undefined {
  const provider = meterProvider();
  if (provider === undefined) return undefined;
  if (now?.of !== provider) {
    const made = meter();
    if (made === undefined) return undefined;
    now = { of: provider, instruments: makeInstruments(made) };
  }
  return now.instruments;
}
