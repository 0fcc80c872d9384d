/** A service with a method of each criticality, whose handler computes: what the overload tests call. */
import type { Codec } from '../../../src/contract/codec.js';
import { unary } from '../../../src/contract/method.js';
import { criticalities } from '../../../src/contract/policy.js';
import { defineService } from '../../../src/contract/service.js';

export interface Job {
  readonly id: number;
}

/** Counts what is decoded, to prove that a refused call is not. */
export const decoded = { requests: 0 };

function codec(typeName: string, count = () => {}): Codec<Job> {
  return {
    typeName,
    encode: ({ id }) => Buffer.from(String(id)),
    decode: (bytes) => {
      count();
      return { id: Number(Buffer.from(bytes).toString()) };
    },
    toJSON: (value) => value,
    fromJSON: (json) => json as Job,
  };
}

const messages = {
  request: codec('test.Job', () => {
    decoded.requests += 1;
  }),
  response: codec('test.Done'),
};

const [plus, critical, sheddablePlus, sheddable] = criticalities;

export const Work = defineService({
  name: 'test.Work',
  idl: 'proto',
  fingerprint: '',
  methods: {
    plus: unary({ name: 'Plus', ...messages, policy: { criticality: plus } }),
    critical: unary({ name: 'Critical', ...messages, policy: { criticality: critical } }),
    sheddablePlus: unary({ name: 'SheddablePlus', ...messages, policy: { criticality: sheddablePlus } }),
    sheddable: unary({ name: 'Sheddable', ...messages, policy: { criticality: sheddable } }),
  },
});

export type Method = keyof typeof Work.methods;
export const methods = Object.keys(Work.methods) as Method[];

/** The stated mix: of every hundred calls so many are of each method. The critical ones alone are half of what five times the capacity is. */
export const mix: Readonly<Record<Method, number>> = { plus: 2, critical: 8, sheddablePlus: 30, sheddable: 60 };
