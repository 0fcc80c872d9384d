import { shown } from '../../contract/option-names.js';

/** Which HTTP/2 gRPC stands on, at either end. */
export type Engine = 'own' | 'node';

/** For the tests, which all pass on either. */
const defaultEngine: Engine = process.env.HAWSER_GRPC_ENGINE === 'node' ? 'node' : 'own';

/** Throws a TypeError for what is neither. */
export function engineOf(engine: unknown = defaultEngine): Engine {
  if (engine === 'own' || engine === 'node') return engine;
  throw new TypeError(`grpc.engine is ${shown(engine)}; it can be 'own' or 'node'`);
}
