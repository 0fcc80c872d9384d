/** The trade on npm thrift's protocols, with the calls that its generator emits. */
import { createRequire } from 'node:module';

// biome-ignore lint/suspicious/noExplicitAny: the package has no types, and a bench needs none
type Any = any;
export const npm: Any = createRequire(import.meta.url)('thrift');
const { Type } = npm.Thrift;

const stamp = ['year', 'month', 'day', 'hour', 'minute', 'second'];

export class NpmTimeStamp {
  [key: string]: Any;

  constructor() {
    for (const name of [...stamp, 'micros']) this[name] = null;
  }

  read(input: Any): void {
    input.readStructBegin();
    while (true) {
      const ret = input.readFieldBegin();
      const ftype = ret.ftype;
      const fid = ret.fid;
      if (ftype === Type.STOP) break;
      switch (fid) {
        case 1:
          this.year = input.readI16();
          break;
        case 2:
          this.month = input.readI16();
          break;
        case 3:
          this.day = input.readI16();
          break;
        case 4:
          this.hour = input.readI16();
          break;
        case 5:
          this.minute = input.readI16();
          break;
        case 6:
          this.second = input.readI16();
          break;
        case 7:
          this.micros = input.readI32();
          break;
        default:
          input.skip(ftype);
      }
      input.readFieldEnd();
    }
    input.readStructEnd();
  }

  write(output: Any): void {
    output.writeStructBegin('TimeStamp');
    output.writeFieldBegin('year', Type.I16, 1);
    output.writeI16(this.year);
    output.writeFieldEnd();
    output.writeFieldBegin('month', Type.I16, 2);
    output.writeI16(this.month);
    output.writeFieldEnd();
    output.writeFieldBegin('day', Type.I16, 3);
    output.writeI16(this.day);
    output.writeFieldEnd();
    output.writeFieldBegin('hour', Type.I16, 4);
    output.writeI16(this.hour);
    output.writeFieldEnd();
    output.writeFieldBegin('minute', Type.I16, 5);
    output.writeI16(this.minute);
    output.writeFieldEnd();
    output.writeFieldBegin('second', Type.I16, 6);
    output.writeI16(this.second);
    output.writeFieldEnd();
    if (this.micros !== null) {
      output.writeFieldBegin('micros', Type.I32, 7);
      output.writeI32(this.micros);
      output.writeFieldEnd();
    }
    output.writeFieldStop();
    output.writeStructEnd();
  }
}

export class NpmTrade {
  fish: Any = null;
  price: Any = null;
  pounds: Any = null;
  date_time: Any = null;
  market: Any = null;
  sequence: Any = null;
  settled: Any = null;
  parties: Any = null;
  tags: Any = null;

  read(input: Any): void {
    input.readStructBegin();
    while (true) {
      const ret = input.readFieldBegin();
      const ftype = ret.ftype;
      const fid = ret.fid;
      if (ftype === Type.STOP) break;
      switch (fid) {
        case 1:
          this.fish = input.readString();
          break;
        case 2:
          this.price = input.readDouble();
          break;
        case 3:
          this.pounds = input.readI32();
          break;
        case 4:
          this.date_time = new NpmTimeStamp();
          this.date_time.read(input);
          break;
        case 5:
          this.market = input.readI32();
          break;
        case 6:
          this.sequence = input.readI64();
          break;
        case 7:
          this.settled = input.readBool();
          break;
        case 8: {
          this.parties = [];
          const size = input.readListBegin().size || 0;
          for (let i = 0; i < size; ++i) this.parties.push(input.readString());
          input.readListEnd();
          break;
        }
        case 9: {
          this.tags = {};
          const size = input.readMapBegin().size || 0;
          for (let i = 0; i < size; ++i) {
            const key = input.readString();
            this.tags[key] = input.readString();
          }
          input.readMapEnd();
          break;
        }
        default:
          input.skip(ftype);
      }
      input.readFieldEnd();
    }
    input.readStructEnd();
  }

  write(output: Any): void {
    output.writeStructBegin('Trade');
    output.writeFieldBegin('fish', Type.STRING, 1);
    output.writeString(this.fish);
    output.writeFieldEnd();
    output.writeFieldBegin('price', Type.DOUBLE, 2);
    output.writeDouble(this.price);
    output.writeFieldEnd();
    output.writeFieldBegin('pounds', Type.I32, 3);
    output.writeI32(this.pounds);
    output.writeFieldEnd();
    output.writeFieldBegin('date_time', Type.STRUCT, 4);
    this.date_time.write(output);
    output.writeFieldEnd();
    output.writeFieldBegin('market', Type.I32, 5);
    output.writeI32(this.market);
    output.writeFieldEnd();
    output.writeFieldBegin('sequence', Type.I64, 6);
    output.writeI64(this.sequence);
    output.writeFieldEnd();
    output.writeFieldBegin('settled', Type.BOOL, 7);
    output.writeBool(this.settled);
    output.writeFieldEnd();
    output.writeFieldBegin('parties', Type.LIST, 8);
    output.writeListBegin(Type.STRING, this.parties.length);
    for (const item of this.parties) output.writeString(item);
    output.writeListEnd();
    output.writeFieldEnd();
    output.writeFieldBegin('tags', Type.MAP, 9);
    output.writeMapBegin(Type.STRING, Type.STRING, npm.Thrift.objectLength(this.tags));
    for (const key in this.tags) {
      if (Object.hasOwn(this.tags, key)) {
        output.writeString(key);
        output.writeString(this.tags[key]);
      }
    }
    output.writeMapEnd();
    output.writeFieldEnd();
    output.writeFieldStop();
    output.writeStructEnd();
  }
}
