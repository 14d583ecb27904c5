// Serial number arithmetic on RTP's 16-bit sequence numbers (RFC 1982). They are compared nowhere else.

/** `a − b` modulo 2^16 as −32768…32767: positive if `a` is newer. */
export const sequenceDistance = (a: number, b: number): number => ((a - b) << 16) >> 16

/** Whether `a` is newer than `b`. A distance of 2^15 counts as older. */
export const isSequenceNewer = (a: number, b: number): boolean => sequenceDistance(a, b) > 0

/**
 * The extended sequence number whose low 16 bits are `sequence` and that is nearest to `last`, the newest so far. Negative for a
 * packet from before the first one.
 */
export const unwrapSequence = (sequence: number, last: number): number =>
  last + sequenceDistance(sequence, last & 0xffff)
