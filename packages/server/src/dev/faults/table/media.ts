// Faults of the packets that the client receives. They are opened and sealed again with the session's key.
import { count, type FaultRow, share } from '../fault-row.ts'

/** Implemented by `media/media-faults.ts`, on packets that `media/udp-relay.ts` has opened. */
export const MEDIA_FAULTS = {
  'rtp-padding': {
    kind: 'lasting',
    meaning: 'adds padding (P bit, 8 bytes) to the RTP packets of others',
    expected: 'stays',
  },
  'rtp-extension': {
    kind: 'lasting',
    meaning: 'adds a header extension of 4 words to the RTP packets of others that have none',
    expected: 'stays',
  },
  'rtp-csrc': {
    kind: 'lasting',
    meaning: 'adds a contributing source to the RTP packets of others',
    expected: 'stays',
  },
  'plain-frame': {
    kind: 'once',
    parameter: count('number of frames', 1_000, 1),
    meaning: 'replaces the next frames of others by frames without end-to-end encryption',
    expected: 'stays',
  },
  'frame-corrupt': {
    kind: 'lasting',
    parameter: share(10),
    meaning: 'alters frames of others below transport encryption: end-to-end decryption fails',
    expected: 'stays',
  },
  'empty-frame': {
    kind: 'once',
    parameter: count('number of frames', 1_000, 1),
    meaning: 'replaces the next frames of others by packets without payload',
    expected: 'stays',
  },
  'unsealed-packet': {
    kind: 'once',
    meaning: 'sends an RTP packet without transport encryption',
    expected: 'stays',
  },
  'unknown-ssrc': {
    kind: 'once',
    parameter: count('number of packets', 1_000, 5),
    meaning: 'sends packets of an SSRC that no message has announced',
    expected: 'stays',
  },
  'unknown-payload-type': {
    kind: 'once',
    parameter: count('number of packets', 1_000, 5),
    meaning: 'sends packets with a payload type that was not negotiated',
    expected: 'stays',
  },
  'ssrc-change': {
    kind: 'lasting',
    meaning: 'gives the audio of others another SSRC, announced by Speaking (op 5) before its first packet',
    expected: 'stays',
  },
  'sequence-jump': {
    kind: 'once',
    meaning: 'lets the RTP sequences of others jump by 1,000',
    expected: 'stays',
  },
  'timestamp-jump': {
    kind: 'once',
    meaning: 'lets the RTP timestamps of others jump by ten minutes',
    expected: 'stays',
  },
  'silence-lost': {
    kind: 'lasting',
    meaning: 'loses the silence frames that end a talkspurt of others',
    expected: 'stays',
  },
  'rtcp-garbage': { kind: 'once', meaning: 'sends a sealed RTCP packet that is malformed', expected: 'stays' },
} as const satisfies Record<string, FaultRow>
