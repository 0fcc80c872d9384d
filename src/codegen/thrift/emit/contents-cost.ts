/** What the numbers of a struct cost, and the containers that it is made with where its message holds none; see cost.ts. */
import { arrayCost, mapCost, setCost } from '../../../contract/bytes/object-cost.js';
import { emptyBytesCost, numberCost } from '../../../contract/thrift/cost.js';
import { type ConstDefinition, type Type, trueType, type Value } from '../program.js';
import type { FieldModel } from './struct.js';
import { isScalar } from './types.js';

/** Charged whether they are made or not: the decoder cannot know before it has read the struct. */
export function contentsCost(fields: readonly FieldModel[]): number {
  let cost = 0;
  for (const { field, absent } of fields) {
    cost += fieldNumberCost(field.type);
    if (field.value !== undefined) cost += valueCost(field.value);
    else if (absent !== undefined) cost += zeroCost(field.type);
  }
  return cost;
}

/** A union holds one of its fields. */
export function unionContentCost(fields: readonly FieldModel[]): number {
  return Math.max(0, ...fields.map(({ field }) => fieldNumberCost(field.type)));
}

function fieldNumberCost(type: Type): number {
  const known = trueType(type);
  return known.kind === 'base' ? numberCost(known.base) : 0;
}

function zeroCost(type: Type): number {
  const known = trueType(type);
  switch (known.kind) {
    case 'list':
      return arrayCost(0);
    case 'set':
      return isScalar(known.element) ? setCost(0) : arrayCost(0);
    case 'map':
      return isScalar(known.key) ? mapCost(0) : arrayCost(0);
    case 'base':
      return known.base === 'binary' ? emptyBytesCost : 0;
    default:
      return 0;
  }
}

/** Leaves stand in the code. */
function valueCost(value: Value): number {
  switch (value.kind) {
    case 'list':
      return around(value.items, value.items.length);
    case 'map':
      return around(value.entries.flat(), value.entries.length);
    case 'constant':
      return constantCost(value.definition);
    default:
      return 0;
  }
}

const known = new WeakMap<ConstDefinition, number>();

/** Once each: constants that name others twice, forty deep, are a billion values. */
function constantCost(definition: ConstDefinition): number {
  const cost = known.get(definition) ?? valueCost(definition.value);
  known.set(definition, cost);
  return cost;
}

function around(items: readonly Value[], size: number): number {
  return items.reduce((cost, item) => cost + valueCost(item), Math.max(mapCost(size), setCost(size)) + emptyBytesCost);
}
