// The outputs of a voice session: requests to its host, and events.
import type { Codec, Stream } from '@parley/protocol'
import type { DaveCommand, DaveOutput } from '../dave/dave-messages.ts'
import type { Member } from './members.ts'

/** Ready (op 2): the media endpoint of the node. */
export interface VoiceReady {
  /** SSRC of our audio. */
  readonly ssrc: number
  /** IP address or host name of the node's UDP port. */
  readonly ip: string
  readonly port: number
  /** Names of the transport encryption modes that the node offers, in its order of preference. */
  readonly modes: readonly string[]
  /** Video streams with the SSRCs that the node assigned; empty if none were offered. */
  readonly streams: readonly Stream[]
}

/** Session Description (op 4): the negotiated media parameters. */
export type VoiceDescription = UdpDescription | WebrtcDescription

interface CommonDescription {
  /** Codec name, such as `opus`. */
  readonly audioCodec: string | undefined
  /** Codec name to send video with, such as `H264`. */
  readonly videoCodec: string | undefined
  /** Opaque id of the media session. */
  readonly mediaSessionId: string | undefined
  /** DAVE protocol version of the call; 0 without end-to-end encryption. */
  readonly daveVersion: number
}

/** Media over UDP with Discord's transport encryption. */
export interface UdpDescription extends CommonDescription {
  readonly protocol: 'udp'
  /** Name of the encryption mode. */
  readonly mode: string
  /** 32 bytes, for both directions. */
  readonly key: Uint8Array
}

/** Media over ICE, DTLS and SRTP. */
export interface WebrtcDescription extends CommonDescription {
  readonly protocol: 'webrtc'
  /** SDP fragment of the node: one ICE candidate, ICE credentials, certificate fingerprint. */
  readonly sdp: string
}

/** Select Protocol (op 1): the media transport to use. */
export type ProtocolSelection = UdpSelection | WebrtcSelection

interface UdpSelection {
  protocol: 'udp'
  /** Our public address, as IP discovery returned it. */
  address: string
  port: number
  mode: string
  /** Codecs with our payload types. Video is forwarded only to clients that list video codecs. */
  codecs?: readonly Codec[] | undefined
}

/** Selects WebRTC. */
export interface WebrtcSelection {
  protocol: 'webrtc'
  /** SDP offer, complete or as a fragment. */
  sdp: string
  /** Codecs with the payload types of the offer. */
  codecs: readonly Codec[]
  /** SSRC of our audio: a WebRTC stack chooses its SSRCs itself. */
  audioSsrc: number
}

/** Outputs of a voice session, to be applied in order. */
export type VoiceOutput =
  | DaveOutput
  /** Open a WebSocket for this gateway version. Inputs of an earlier one are no longer accepted. */
  | { kind: 'connect'; version: number }
  /** Close the WebSocket. Its further inputs are not accepted. */
  | { kind: 'close'; code: number; reason: string }
  /** Perform IP discovery or create an SDP offer, then call `select`. Repeated after each new Identify. */
  | { kind: 'ready'; ready: VoiceReady }
  /** Media can be sent and received. */
  | { kind: 'description'; description: VoiceDescription }
  /** The session was resumed after a lost connection. */
  | { kind: 'resumed' }
  /** Pass the command to the DAVE session in another thread, and its events to `daveEvent` (see `RemoteDave`). */
  | { kind: 'dave'; command: DaveCommand }
  /** The connection is lost; attempt number `attempt` of this outage follows after `wait` milliseconds, with op `next`. */
  | { kind: 'disconnected'; code: number; reason: string; next: 'resume' | 'identify'; wait: number; attempt: number }
  /** The session has ended and does not reconnect. */
  | { kind: 'closed'; code: number; reason: string }
  | { kind: 'userConnected'; userId: string }
  | { kind: 'userDisconnected'; userId: string }
  /** Op 5: a user's SSRC and speaking flags. */
  | { kind: 'speaking'; userId: string; ssrc: number; speaking: number }
  /** Video, client flags or platform of a user changed. */
  | { kind: 'memberChanged'; member: Readonly<Member> }
  /** Op 15: requested quality 0–100 by SSRC, `any` for all others, and the number of displayed pixels by SSRC. */
  | {
      kind: 'wants'
      any: number
      wants: ReadonlyMap<number, number>
      pixelCounts: ReadonlyMap<number, number>
    }
  /** Op 14: the node changed the codecs to send with. */
  | { kind: 'codecs'; audioCodec: string | undefined; videoCodec: string | undefined }
