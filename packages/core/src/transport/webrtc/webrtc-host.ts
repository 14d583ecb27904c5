// What a node needs to serve WebRTC clients, from its options.
import type { Crypto } from '../../crypto.ts'
import type { Deadlines } from '../../deadlines.ts'
import type { Dtls } from './dtls.ts'
import { Handshakes } from './handshakes.ts'
import type { WebrtcHost } from './webrtc-transport.ts'

/** Options of `VoiceNode`. */
export interface WebrtcOptions {
  /** Without it no WebRTC clients are served. */
  dtls?: Dtls | undefined
  /** The TCP port that WebRTC clients receive besides the UDP port of their lane, at the same address (RFC 6544). */
  tcpPort?: number | undefined
}

export function webrtcHost(
  { dtls, tcpPort, crypto }: WebrtcOptions & { crypto: Crypto },
  deadlines: Deadlines,
): WebrtcHost | undefined {
  return dtls && { dtls, tcpPort, crypto, deadlines, handshakes: new Handshakes() }
}
