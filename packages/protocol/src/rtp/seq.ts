// RTP's 16-bit sequence numbers on their circle (RFC 1982): the only place where they are compared.

/** How far `a` is ahead of `b`, −32768…32767; negative if behind. */
export const sequenceDistance = (a: number, b: number): number => ((a - b) << 16) >> 16

/** Whether `a` comes after `b`. Half a circle away counts as before. */
export const isSequenceNewer = (a: number, b: number): boolean => sequenceDistance(a, b) > 0

/**
 * The index whose low 16 bits are `sequence` and that is nearest to `last`, the newest index so far. It may be below zero for
 * a packet from before the first one.
 */
export const unwrapSequence = (sequence: number, last: number): number =>
  last + sequenceDistance(sequence, last & 0xffff)
