// What a voice session asks of its host, and what it tells: the plain data that comes out of it.
import type { Codec, Stream } from '@parley/protocol'
import type { Member } from './members.ts'

/** What the node offers (opcode 2). */
export interface VoiceReady {
  readonly ssrc: number
  readonly ip: string
  readonly port: number
  readonly modes: readonly string[]
  readonly streams: readonly Stream[]
}

/** What was agreed (opcode 4). */
export type VoiceDescription = UdpDescription | WebrtcDescription

interface CommonDescription {
  readonly audioCodec: string | undefined
  readonly videoCodec: string | undefined
  readonly mediaSessionId: string | undefined
  readonly daveVersion: number
}

export interface UdpDescription extends CommonDescription {
  readonly protocol: 'udp'
  readonly mode: string
  readonly key: Uint8Array
}

export interface WebrtcDescription extends CommonDescription {
  readonly protocol: 'webrtc'
  /** The node's SDP fragment: one candidate, ICE credentials and fingerprint. */
  readonly sdp: string
}

/** How media shall travel (opcode 1). */
export type ProtocolSelection = UdpSelection | WebrtcSelection

interface UdpSelection {
  protocol: 'udp'
  /** Our address as the node sees it: what IP discovery answered. */
  address: string
  port: number
  mode: string
  /** What we send and take besides Opus: video goes to those who list codecs for it, by their own payload types. */
  codecs?: readonly Codec[] | undefined
}

export interface WebrtcSelection {
  protocol: 'webrtc'
  /** An SDP offer, whole or as a fragment. */
  sdp: string
  codecs: readonly Codec[]
  /** What our audio is sent with: WebRTC stacks choose their SSRCs themselves. */
  audioSsrc: number
}

/** What the host is asked to do, and what it may want to know, in order. */
export type VoiceOutput =
  /** Open a WebSocket. Nothing of an earlier one may be fed any more. */
  | { kind: 'connect'; version: number }
  | { kind: 'send'; data: string | Uint8Array }
  /** Close the WebSocket. Nothing of it may be fed any more. */
  | { kind: 'close'; code: number; reason: string }
  /** Find our address, then call `select`. On a session that starts anew, once more. */
  | { kind: 'ready'; ready: VoiceReady }
  /** Media may flow. */
  | { kind: 'description'; description: VoiceDescription }
  | { kind: 'resumed' }
  /** DAVE's version in force changed, or the group did. Without a code frames are not encrypted end to end. */
  | { kind: 'encryption'; version: number; privacyCode: string | undefined }
  /** New keys: frames that could not be opened may be now. */
  | { kind: 'keys' }
  /** The connection is gone; the session comes back by itself after `wait` milliseconds. */
  | { kind: 'disconnected'; code: number; reason: string; next: 'resume' | 'identify'; wait: number }
  /** The session is over, and will not come back. */
  | { kind: 'closed'; code: number; reason: string }
  | { kind: 'userConnected'; userId: string }
  | { kind: 'userDisconnected'; userId: string }
  | { kind: 'speaking'; userId: string; ssrc: number; speaking: number }
  /** Video, flags or platform of a user changed. */
  | { kind: 'memberChanged'; member: Readonly<Member> }
  /** What the node wants of us: 0 to 100 per ssrc, `any` for the rest; and how many pixels are shown at most, if that was told. */
  | {
      kind: 'wants'
      any: number
      wants: ReadonlyMap<number, number>
      pixelCounts: ReadonlyMap<number, number>
    }
  | { kind: 'codecs'; audioCodec: string | undefined; videoCodec: string | undefined }
  /** The node sent something that does not decode; it was ignored. */
  | { kind: 'undecodable'; reason: string }
