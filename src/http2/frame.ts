/** The layout of frames. Source: RFC 9113, sections 4.1 and 6. */

export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

export const Flag = { END_STREAM: 1, ACK: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 32 } as const;

export const Setting = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
} as const;

export const frameHeaderBytes = 9;
/** The windows of a connection that has said nothing else, and the frame size that every peer takes. */
export const defaultWindow = 65_535;
export const defaultFrameSize = 16_384;
export const largestFrameSize = 16_777_215;
export const largestWindow = 0x7fffffff;
export const lastStreamId = 0x7fffffff;

/** `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`: the first bytes of every client. */
export const preface = Uint8Array.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', (c) => c.charCodeAt(0));

/** Writes the nine bytes in front of a payload; returns where the payload starts. */
export function putFrameHeader(
  bytes: Uint8Array,
  at: number,
  length: number,
  type: number,
  flags: number,
  id: number,
): number {
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  return putUint32(bytes, at + 5, id);
}

export function putUint32(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
  return at + 4;
}

export function uint32(bytes: Uint8Array, at: number): number {
  return (uint31(bytes, at) | ((bytes[at] as number) << 24)) >>> 0;
}

/** Four bytes without their reserved first bit, as stream ids and window increments come. */
export function uint31(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) & 0x7f) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}
