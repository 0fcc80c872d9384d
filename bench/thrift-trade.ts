/** A typical struct, as the generator would emit it; and the same calls on npm thrift's protocols, as its generator emits them. */
import { defineStruct, missingRequired, type StructCodec, type TypeInfo } from 'hawser/thrift';

export interface TimeStamp {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  micros?: number;
}

export interface Trade {
  fish: string;
  price: number;
  pounds: number;
  dateTime?: TimeStamp;
  market: number;
  sequence: bigint;
  settled: boolean;
  parties: string[];
  tags: Map<string, string>;
}

const i16: TypeInfo = { kind: 'i16' };
const i32: TypeInfo = { kind: 'i32' };
const string: TypeInfo = { kind: 'string' };

export const TimeStamp: StructCodec<TimeStamp> = defineStruct<TimeStamp>({
  name: 'bench.TimeStamp',
  form: 'struct',
  fields: () => [
    { id: 1, name: 'year', localName: 'year', type: i16, requiredness: 'default' },
    { id: 2, name: 'month', localName: 'month', type: i16, requiredness: 'default' },
    { id: 3, name: 'day', localName: 'day', type: i16, requiredness: 'default' },
    { id: 4, name: 'hour', localName: 'hour', type: i16, requiredness: 'default' },
    { id: 5, name: 'minute', localName: 'minute', type: i16, requiredness: 'default' },
    { id: 6, name: 'second', localName: 'second', type: i16, requiredness: 'default' },
    { id: 7, name: 'micros', localName: 'micros', type: i32, requiredness: 'optional' },
  ],
  write(writer, value) {
    writer.structBegin();
    writer.field(6, 1);
    writer.i16(value.year);
    writer.field(6, 2);
    writer.i16(value.month);
    writer.field(6, 3);
    writer.i16(value.day);
    writer.field(6, 4);
    writer.i16(value.hour);
    writer.field(6, 5);
    writer.i16(value.minute);
    writer.field(6, 6);
    writer.i16(value.second);
    if (value.micros !== undefined) {
      writer.field(8, 7);
      writer.i32(value.micros);
    }
    writer.structEnd();
  },
  read(reader) {
    let year = 0;
    let month = 0;
    let day = 0;
    let hour = 0;
    let minute = 0;
    let second = 0;
    let micros: number | undefined;
    reader.structBegin();
    for (let field = reader.field(); field !== 0; field = reader.field()) {
      switch (field) {
        case 0x0106:
          year = reader.i16();
          break;
        case 0x0206:
          month = reader.i16();
          break;
        case 0x0306:
          day = reader.i16();
          break;
        case 0x0406:
          hour = reader.i16();
          break;
        case 0x0506:
          minute = reader.i16();
          break;
        case 0x0606:
          second = reader.i16();
          break;
        case 0x0708:
          micros = reader.i32();
          break;
        default:
          reader.skip(field & 0xff);
      }
    }
    reader.structEnd();
    const value: TimeStamp = { year, month, day, hour, minute, second };
    if (micros !== undefined) value.micros = micros;
    return value;
  },
  create: (init = {}) => ({ year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0, ...init }),
});

export const Trade: StructCodec<Trade> = defineStruct<Trade>({
  name: 'bench.Trade',
  form: 'struct',
  fields: () => [
    { id: 1, name: 'fish', localName: 'fish', type: string, requiredness: 'required' },
    { id: 2, name: 'price', localName: 'price', type: { kind: 'double' }, requiredness: 'default' },
    { id: 3, name: 'pounds', localName: 'pounds', type: i32, requiredness: 'default' },
    {
      id: 4,
      name: 'date_time',
      localName: 'dateTime',
      type: { kind: 'struct', codec: () => TimeStamp },
      requiredness: 'default',
    },
    { id: 5, name: 'market', localName: 'market', type: i32, requiredness: 'default' },
    { id: 6, name: 'sequence', localName: 'sequence', type: { kind: 'i64' }, requiredness: 'default' },
    { id: 7, name: 'settled', localName: 'settled', type: { kind: 'bool' }, requiredness: 'default' },
    { id: 8, name: 'parties', localName: 'parties', type: { kind: 'list', element: string }, requiredness: 'default' },
    {
      id: 9,
      name: 'tags',
      localName: 'tags',
      type: { kind: 'map', key: string, value: string },
      requiredness: 'default',
    },
  ],
  write(writer, value) {
    writer.structBegin();
    writer.field(11, 1);
    writer.string(value.fish);
    writer.field(4, 2);
    writer.double(value.price);
    writer.field(8, 3);
    writer.i32(value.pounds);
    if (value.dateTime !== undefined) {
      writer.field(12, 4);
      TimeStamp.write(writer, value.dateTime);
    }
    writer.field(8, 5);
    writer.i32(value.market);
    writer.field(10, 6);
    writer.i64(value.sequence);
    writer.field(2, 7);
    writer.bool(value.settled);
    writer.field(15, 8);
    writer.list(11, value.parties.length);
    for (const item of value.parties) writer.string(item);
    writer.field(13, 9);
    writer.map(11, 11, value.tags.size);
    for (const [key, item] of value.tags) {
      writer.string(key);
      writer.string(item);
    }
    writer.structEnd();
  },
  read(reader) {
    let fish: string | undefined;
    let price = 0;
    let pounds = 0;
    let dateTime: TimeStamp | undefined;
    let market = 0;
    let sequence = 0n;
    let settled = false;
    let parties: string[] | undefined;
    let tags: Map<string, string> | undefined;
    reader.structBegin();
    for (let field = reader.field(); field !== 0; field = reader.field()) {
      switch (field) {
        case 0x010b:
          fish = reader.string();
          break;
        case 0x0204:
          price = reader.double();
          break;
        case 0x0308:
          pounds = reader.i32();
          break;
        case 0x040c:
          dateTime = TimeStamp.read(reader);
          break;
        case 0x0508:
          market = reader.i32();
          break;
        case 0x060a:
          sequence = reader.i64();
          break;
        case 0x0702:
          settled = reader.bool();
          break;
        case 0x080f: {
          const size = reader.list(11);
          if (size < 0) break;
          parties = [];
          for (let i = 0; i < size; i++) parties.push(reader.string());
          break;
        }
        case 0x090d: {
          const size = reader.map(11, 11);
          if (size < 0) break;
          tags = new Map();
          for (let i = 0; i < size; i++) {
            const key = reader.string();
            tags.set(key, reader.string());
          }
          break;
        }
        default:
          reader.skip(field & 0xff);
      }
    }
    reader.structEnd();
    if (fish === undefined) missingRequired('bench.Trade', 'fish');
    const value: Trade = {
      fish,
      price,
      pounds,
      market,
      sequence,
      settled,
      parties: parties ?? [],
      tags: tags ?? new Map(),
    };
    if (dateTime !== undefined) value.dateTime = dateTime;
    return value;
  },
  create: (init = {}) => ({
    fish: '',
    price: 0,
    pounds: 0,
    market: 0,
    sequence: 0n,
    settled: false,
    parties: [],
    tags: new Map(),
    ...init,
  }),
});
