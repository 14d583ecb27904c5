// What one client sent: opcodes, streams, encryption, and the rules that it broke.
import { VoiceOp } from '@parley/protocol'
import { SERVER_LIMITS } from '../../limits.ts'
import { StreamTranscript, type StreamView } from './stream-transcript.ts'
import type { ConnectionRecord, DatagramRecord, MessageRecord, TraceEvent } from './trace-record.ts'

/** Names of rules, as tests and the control API show them. docs/testing-your-bot.md explains each. */
export type Rule =
  | 'speaking-first'
  | 'silence-frames'
  | 'identify-once'
  | 'known-opcodes'
  | 'heartbeats'
  | 'own-ssrc'
  | 'transport-encryption'
  | 'new-nonces'
  | 'end-to-end-encryption'

export interface Violation {
  at: number
  rule: Rule
  /** What the client did, and what it should have done. */
  sentence: string
}

export interface Transcript {
  /** Connections to the voice endpoint, Identify and Resume that were sent, voice sessions that were established. */
  connections: number
  identifies: number
  resumes: number
  sessions: number
  /** Resume that succeeded. */
  resumed: number
  /** RTP packets that were sent to the client. */
  received: number
  /** Messages of the client on the voice gateway, oldest first; the first 1,000. */
  opcodes: { at: number; op: number; name: string }[]
  heartbeats: number
  closes: { at: number; from: 'client' | 'node'; code: number }[]
  streams: StreamView[]
  /** Packets that did not open with the session's key. */
  unopened: number
  reusedNonces: number
  violations: Violation[]
}

/** Opcodes that a client sends. */
const CLIENT_OPS: ReadonlySet<number> = new Set([0, 1, 3, 5, 7, 10, 12, 14, 15, 16, 18, 20, 23, 26, 28, 31, 32])
/** Speaking may arrive this long after the first audio, for the two take different paths: milliseconds, and packets. */
const SPEAKING_GRACE = 500
const SPEAKING_GRACE_PACKETS = 25
/** A client that is later than this many intervals has missed a heartbeat. */
const HEARTBEAT_GRACE = 1.5
const MOST_OPCODES = 1_000

/** Receives the events of one user in order. Lists of opcodes, closes, nonces and violations have a maximum each. */
export class TranscriptBuilder {
  readonly #opcodes: Transcript['opcodes'] = []
  readonly #closes: Transcript['closes'] = []
  readonly #violations: Violation[] = []
  readonly #streams = new Map<number, StreamTranscript>()
  readonly #nonces = new Set<string>()
  readonly #counts = {
    connections: 0,
    identifies: 0,
    resumes: 0,
    sessions: 0,
    resumed: 0,
    received: 0,
    heartbeats: 0,
    unopened: 0,
    reused: 0,
  }
  /** SSRCs that Ready (op 2) gave the client, of all its sessions. */
  readonly #ownSsrcs = new Set<number>()
  readonly #onViolation: (violation: Violation) => void
  /** On the current connection. */
  #hasIdentified = false
  /** Since the current key. */
  #hasSpoken = false
  /** When audio of the session began, and with which SSRC, while Speaking is missing. */
  #early: { at: number; ssrc: number; packets: number } | undefined
  /** Milliseconds, of Hello (op 8). */
  #interval: number | undefined
  /** The last heartbeat, or the moment the session was established; undefined on a connection without either. */
  #beatAt: number | undefined

  /** `onViolation` is called once for each violation, as it is found. */
  constructor(onViolation: (violation: Violation) => void = () => {}) {
    this.#onViolation = onViolation
  }

  /** Events of the node count as the client received them: lost ones do not. */
  add(event: TraceEvent): void {
    this.#judgeSpeaking(event.at)
    if (event.kind === 'connection') this.#connection(event)
    else if (event.kind === 'message' && event.from === 'client') this.#fromClient(event)
    else if (event.kind === 'message') this.#fromNode(event)
    else if (event.kind === 'datagram' && event.from === 'client') this.#datagram(event)
    else if (event.kind === 'datagram' && event.rtp !== undefined && event.fate !== 'lost') this.#counts.received++
    else if (event.kind === 'key') this.#newKey()
  }

  /** At time `now`: a talkspurt that has ended is judged. */
  view(now: number): Transcript {
    this.#judgeSpeaking(now)
    for (const stream of this.#streams.values()) this.#judgeEnd(stream, now)
    const { reused, ...counts } = this.#counts
    return {
      ...counts,
      reusedNonces: reused,
      opcodes: [...this.#opcodes],
      closes: [...this.#closes],
      streams: [...this.#streams.values()].map(stream => stream.view),
      violations: [...this.#violations],
    }
  }

  #connection({ what, from, code, at }: ConnectionRecord & { at: number }): void {
    if (what === 'voice open') {
      this.#counts.connections++
      this.#hasIdentified = false
      this.#beatAt = undefined
    }
    if (what === 'voice close' && from !== undefined && this.#closes.length < MOST_OPCODES)
      this.#closes.push({ at, from, code: code ?? 1006 })
  }

  #fromClient({ at, op, name }: MessageRecord & { at: number }): void {
    if (this.#opcodes.length < MOST_OPCODES) this.#opcodes.push({ at, op, name })
    if (!CLIENT_OPS.has(op))
      this.#violate(
        at,
        'known-opcodes',
        `sent opcode ${op}, which no client sends; see the opcodes of the voice gateway`,
      )
    if (op === VoiceOp.Heartbeat) this.#heartbeat(at)
    if (op === VoiceOp.Speaking) {
      this.#judgeSpeaking(at)
      this.#hasSpoken = true
      this.#early = undefined
    }
    if (op === VoiceOp.Resume) this.#counts.resumes++
    if (op === VoiceOp.Identify || op === VoiceOp.Resume) this.#identified(at, op)
  }

  #identified(at: number, op: number): void {
    if (op === VoiceOp.Identify) this.#counts.identifies++
    if (this.#hasIdentified)
      this.#violate(at, 'identify-once', 'identified twice on one connection; a new Identify needs a new connection')
    this.#hasIdentified = true
  }

  #heartbeat(at: number): void {
    this.#counts.heartbeats++
    const late = this.#beatAt === undefined ? 0 : at - this.#beatAt
    this.#beatAt = at
    if (this.#interval !== undefined && late > this.#interval * HEARTBEAT_GRACE)
      this.#violate(
        at,
        'heartbeats',
        `sent a heartbeat ${Math.round(late)} ms after the previous one; the interval of Hello is ${this.#interval} ms`,
      )
  }

  #fromNode({ at, op, data, fate }: MessageRecord & { at: number }): void {
    if (fate === 'lost') return
    const fields = (data ?? {}) as { heartbeat_interval?: number; ssrc?: number; protocol_version?: number }
    if (op === VoiceOp.Hello) this.#interval = fields.heartbeat_interval
    if (op === VoiceOp.SessionDescription) this.#counts.sessions++
    if (op === VoiceOp.Resumed) this.#counts.resumed++
    if (op === VoiceOp.SessionDescription || op === VoiceOp.Resumed) this.#beatAt ??= at
    if (op === VoiceOp.Ready && fields.ssrc !== undefined) this.#ownSsrcs.add(fields.ssrc)
    if (op === VoiceOp.DavePrepareTransition && fields.protocol_version === 0)
      for (const stream of this.#streams.values()) stream.allowPlain()
  }

  /**
   * A new session: nonces begin again, Speaking has to be repeated, and frames are plain until DAVE's first transition.
   */
  #newKey(): void {
    this.#nonces.clear()
    this.#hasSpoken = false
    this.#early = undefined
    for (const stream of this.#streams.values()) stream.allowPlain()
  }

  #datagram(event: DatagramRecord & { at: number }): void {
    const { type, at, rtp, nonce, plain } = event
    if (type !== 'rtp' && type !== 'rtcp') return
    if (plain === undefined) {
      this.#counts.unopened++
      return this.#violate(
        at,
        'transport-encryption',
        `sent an ${type.toUpperCase()} packet of ${event.length} bytes that ${event.error ?? 'does not open'}; seal packets with the mode and key of Session Description`,
      )
    }
    this.#nonce(at, nonce)
    if (rtp === undefined) return
    const stream = this.#stream(rtp.ssrc, at)
    this.#judgeEnd(stream, at)
    if (!this.#hasSpoken && !rtp.isSilence) {
      this.#early ??= { at, ssrc: rtp.ssrc, packets: 0 }
      this.#early.packets++
    }
    if (stream.add(at, rtp) === 'plain after encrypted')
      this.#violate(
        at,
        'end-to-end-encryption',
        `sent packet ${rtp.sequence} without end-to-end encryption after encrypted ones, and no transition to version 0 was announced`,
      )
  }

  /**
   * A nonce that is used twice with one key weakens the encryption of both packets, with AES-GCM also the
   * authentication of all.
   */
  #nonce(at: number, nonce: string | undefined): void {
    if (nonce === undefined) return
    if (this.#nonces.has(nonce)) {
      this.#counts.reused++
      this.#violate(at, 'new-nonces', `used nonce ${nonce} twice with one key; count it up for each packet`)
    }
    if (this.#nonces.size < SERVER_LIMITS.maxTraceEventsPerUser) this.#nonces.add(nonce)
  }

  #stream(ssrc: number, at: number): StreamTranscript {
    const known = this.#streams.get(ssrc)
    if (known !== undefined) return known
    if (!this.#ownSsrcs.has(ssrc))
      this.#violate(
        at,
        'own-ssrc',
        `sent packets with SSRC ${ssrc}; Ready (op 2) gave it ${[...this.#ownSsrcs].join(', ')}`,
      )
    const stream = new StreamTranscript(ssrc)
    this.#streams.set(ssrc, stream)
    return stream
  }

  #judgeSpeaking(now: number): void {
    const early = this.#early
    if (early === undefined || this.#hasSpoken) return
    if (now - early.at < SPEAKING_GRACE || early.packets < SPEAKING_GRACE_PACKETS) return
    this.#early = undefined
    this.#hasSpoken = true
    this.#violate(
      early.at,
      'speaking-first',
      `sent audio before Speaking (op 5); other clients do not know its SSRC ${early.ssrc}`,
    )
  }

  #judgeEnd(stream: StreamTranscript, now: number): void {
    const silence = stream.endTalkspurt(now)
    if (silence !== undefined)
      this.#violate(
        now,
        'silence-frames',
        `stopped after packet ${stream.view.lastSequence} with ${silence} of 5 silence frames (F8 FF FE); receivers interpolate without them`,
      )
  }

  /** Violations after `SERVER_LIMITS.maxViolations` are dropped: the bound is for clients that never stop. */
  #violate(at: number, rule: Rule, sentence: string): void {
    if (this.#violations.length >= SERVER_LIMITS.maxViolations) return
    const violation = { at, rule, sentence }
    this.#violations.push(violation)
    this.#onViolation(violation)
  }
}
