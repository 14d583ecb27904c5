// Spacebar's web client (Fermi) as its source is, as far as a gateway sees it: its messages, their order and its timers.
import { VoiceOp } from '@parley/protocol'
import type { BenchCredentials, BenchSocket, Json, NodeBench } from '../../packages/core/src/testing/node-bench.ts'

/** Payload types of Chromium's offer. VP9's retransmissions come before it in the list, so Fermi finds none for it. */
const VIDEO_CODECS = [
  { name: 'VP8', type: 'video', priority: 2000, payload_type: 96, rtx_payload_type: 97 },
  { name: 'H264', type: 'video', priority: 1000, payload_type: 103, rtx_payload_type: 104 },
  { name: 'VP9', type: 'video', priority: 3000, payload_type: 98, rtx_payload_type: -1 },
]
const OPUS = { name: 'opus', type: 'audio', priority: 1000, payload_type: 111, rtx_payload_type: null }
const STATISTICS_DELAY = 500
const FIRST_HEARTBEAT = 1_000
const OFFER_DELAY = 100

interface Timer {
  at: number
  run: () => void
}

export class FermiClient {
  readonly socket: BenchSocket
  /** Audio and video SSRCs of other members by user id; Fermi learns them from op 12 only. */
  readonly audio = new Map<string, number>()
  readonly video = new Map<string, number>()
  readonly speaking = new Map<string, unknown>()
  sdp: string | undefined
  heartbeats = 0
  closed: number | undefined
  readonly #bench: NodeBench
  /** The browser's SSRCs: audio, video, retransmissions. */
  readonly #ssrcs: readonly [audio: number, video: number, rtx: number]
  #timers: Timer[] = []
  #interval = 30_000
  #hasCamera = false

  constructor(bench: NodeBench, { server_id, user_id, session_id, token }: BenchCredentials, firstSsrc: number) {
    this.#bench = bench
    this.#ssrcs = [firstSsrc, firstSsrc + 7, firstSsrc + 9]
    this.socket = bench.client(null)
    this.socket.tap(
      data => this.#receive(JSON.parse(String(data))),
      code => {
        this.closed = code
        this.#timers = []
      },
    )
    const streams = [{ type: 'video', rid: '100', quality: 100 }]
    const identify = { server_id, user_id, session_id, token, max_secure_frames_version: 0, video: false, streams }
    this.#send(VoiceOp.Identify, identify)
  }

  get deadline(): number {
    return Math.min(Infinity, ...this.#timers.map(({ at }) => at))
  }
  tick(now: number): void {
    const due = this.#timers.filter(({ at }) => at <= now)
    this.#timers = this.#timers.filter(({ at }) => at > now)
    for (const { run } of due) run()
  }

  speak(isSpeaking: boolean): void {
    this.#send(VoiceOp.Speaking, { speaking: isSpeaking, delay: 5, ssrc: this.#ssrcs[0] })
  }
  setCamera(isOn: boolean): void {
    this.#hasCamera = isOn
    this.#declare()
  }

  #receive({ op, d }: Json): void {
    switch (op) {
      case VoiceOp.Hello:
        this.#interval = d.heartbeat_interval
        return this.#after(FIRST_HEARTBEAT, () => this.#beat())
      case VoiceOp.HeartbeatAck:
        // Fermi reads a member of the nonce: null would end it with a TypeError.
        void d.t
        return this.#after(this.#interval, () => this.#beat())
      case VoiceOp.Ready:
        this.#declare()
        return this.#after(OFFER_DELAY, () => this.#select())
      case VoiceOp.SessionDescription:
        this.sdp = d.sdp
        return this.#after(STATISTICS_DELAY, () => this.#declare())
      case VoiceOp.Speaking:
        this.speaking.set(d.user_id, d.speaking)
        return
      case VoiceOp.Video:
        return this.#after(STATISTICS_DELAY, () => this.#learn(d))
    }
  }

  #learn({ user_id, audio_ssrc, video_ssrc }: Json): void {
    const isKnown = (known: ReadonlyMap<string, number>, ssrc: number) => [...known.values()].includes(ssrc)
    if (
      (!isKnown(this.audio, audio_ssrc) && audio_ssrc !== 0) ||
      (!isKnown(this.video, video_ssrc) && video_ssrc !== 0)
    )
      this.#declare()
    if (audio_ssrc) this.audio.set(user_id, audio_ssrc)
    if (video_ssrc) this.video.set(user_id, video_ssrc)
  }

  /** Without a camera Fermi declares twice: first without its audio SSRC, which is missing from the second until media flows. */
  #declare(): void {
    const [audio, video, rtx] = this.#ssrcs
    const [video_ssrc, rtx_ssrc] = this.#hasCamera ? [video, rtx] : [0, 0]
    const layer = { type: 'video', rid: '100', ssrc: video_ssrc, active: video_ssrc > 0, quality: 100, rtx_ssrc }
    const size = {
      max_bitrate: 2_500_000,
      max_framerate: 20,
      max_resolution: { type: 'fixed', width: 1280, height: 720 },
    }
    const streams = [{ ...layer, ...size }]
    if (video_ssrc === 0) this.#send(VoiceOp.Video, { audio_ssrc: 0, video_ssrc, rtx_ssrc, streams })
    const audio_ssrc = this.sdp === undefined ? undefined : audio
    this.#send(VoiceOp.Video, { audio_ssrc, video_ssrc, rtx_ssrc, streams })
  }

  #select(): void {
    const sdp = [
      'a=extmap-allow-mixed',
      'a=ice-ufrag:Xw3k',
      'a=ice-pwd:0123456789abcdefghijklmn',
      'a=ice-options:trickle',
      `a=fingerprint:sha-256 ${Array.from({ length: 32 }, () => 'AB').join(':')}`,
      'a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level',
      'a=rtpmap:111 opus/48000/2',
      'a=rtpmap:96 VP8/90000',
    ].join('\n')
    this.#send(VoiceOp.SelectProtocol, { codecs: [OPUS, ...VIDEO_CODECS], protocol: 'webrtc', data: sdp, sdp })
  }

  #beat(): void {
    this.heartbeats++
    this.#send(VoiceOp.Heartbeat, 10)
  }

  #after(delay: number, run: () => void): void {
    this.#timers.push({ at: this.#bench.now + delay, run })
  }
  #send(op: number, d: unknown): void {
    this.socket.send(op, d)
  }
}
