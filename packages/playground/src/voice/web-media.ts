// The media of one session in a browser: one RTCPeerConnection that negotiates with itself, in the node's name.
import type { WebrtcSelection } from '@parley/client/sessions'
import { answerTo, type NodeEnd, type RemoteSource, readNodeEnd, type SectionUse } from './answer.ts'
import { codecsOf, fragmentOf, sectionsOf } from './offer.ts'

export interface WebMediaObserver {
  stateChanged(state: RTCPeerConnectionState): void
  /** A member can be heard or seen on `track` from now on. */
  sourceAdded(source: RemoteSource, track: MediaStreamTrack): void
  sourceRemoved(source: RemoteSource): void
  failed(reason: string): void
}

/** A receiving section, and whose audio or video it has; those who have left leave it to the next. */
interface Slot {
  readonly kind: RemoteSource['kind']
  readonly transceiver: RTCRtpTransceiver
  source: RemoteSource | undefined
}

/** Null sends nothing at all. */
export interface SentTracks {
  microphone: MediaStreamTrack | null
  camera: MediaStreamTrack | null
}

/** What the browser sends with, whether it sends now or not. */
export interface MediaSsrcs {
  readonly audio: number
  readonly video: number
  readonly rtx: number
}

export class WebMedia {
  readonly #connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' })
  readonly #microphone: RTCRtpTransceiver
  readonly #camera: RTCRtpTransceiver
  readonly #observer: WebMediaObserver
  readonly #slots: Slot[] = []
  #wanted: readonly RemoteSource[] = []
  #node: NodeEnd | undefined
  #videoCodec: string | undefined
  #ssrcs: MediaSsrcs = { audio: 0, video: 0, rtx: 0 }
  #isDirty = false
  #isNegotiating = false
  #isClosed = false

  constructor({ microphone, camera }: SentTracks, observer: WebMediaObserver) {
    this.#observer = observer
    this.#microphone = this.#connection.addTransceiver('audio', { direction: 'sendonly' })
    this.#camera = this.#connection.addTransceiver('video', { direction: 'sendonly' })
    void this.send({ microphone, camera })
    this.#connection.addEventListener('connectionstatechange', () => {
      if (!this.#isClosed) observer.stateChanged(this.#connection.connectionState)
    })
  }

  /** Where the node is; undefined before it has answered. */
  get nodeAddress(): string | undefined {
    return this.#node && `${this.#node.ip}:${this.#node.port}`
  }

  /** What Select Protocol is to say. Throws if the browser offers no Opus. */
  async offer(): Promise<WebrtcSelection> {
    const { sdp = '' } = await this.#connection.createOffer()
    await this.#connection.setLocalDescription({ type: 'offer', sdp })
    const sections = sectionsOf(sdp)
    const [audioSsrc] = sections[0]?.ssrcs ?? []
    const [video = 0, rtx = 0] = sections[1]?.ssrcs ?? []
    const codecs = codecsOf(sections)
    if (audioSsrc === undefined || codecs.length === 0) throw new Error('the browser offers no Opus')
    this.#ssrcs = { audio: audioSsrc, video, rtx }
    return { protocol: 'webrtc', sdp: fragmentOf(sdp), codecs, audioSsrc }
  }

  get ssrcs(): MediaSsrcs {
    return this.#ssrcs
  }

  /** The node's fragment, and the video codec that it wants. Members that were told before are added now. */
  answered(fragment: string, videoCodec: string | undefined): void {
    this.#videoCodec = videoCodec
    this.#node = readNodeEnd(fragment)
    if (this.#node === undefined) return this.#observer.failed('the node’s answer is incomplete')
    this.#isDirty = true
    void this.#negotiate()
  }

  /** Who can be heard and seen, and with which SSRC. */
  setSources(wanted: readonly RemoteSource[]): void {
    this.#wanted = wanted
    this.#isDirty = true
    void this.#negotiate()
  }

  async send({ microphone, camera }: SentTracks): Promise<void> {
    await this.#microphone.sender.replaceTrack(microphone)
    await this.#camera.sender.replaceTrack(camera)
  }

  /** Whether anybody looks: else the camera is not encoded. While that cannot be changed, it is sent as before. */
  async encodeCamera(isWanted: boolean): Promise<void> {
    const { sender } = this.#camera
    const parameters = sender.getParameters()
    for (const encoding of parameters.encodings) encoding.active = isWanted
    await sender.setParameters(parameters).catch(() => {})
  }

  /** The codec that everybody in the call can decode, by its name in SDP. */
  preferVideo(codec: string): void {
    if (codec === this.#videoCodec) return
    this.#videoCodec = codec
    this.#isDirty = true
    void this.#negotiate()
  }

  stats(): Promise<RTCStatsReport> {
    return this.#connection.getStats()
  }

  close(): void {
    this.#isClosed = true
    for (const { source } of this.#slots) if (source !== undefined) this.#observer.sourceRemoved(source)
    this.#connection.close()
  }

  /** One round at a time; what changes meanwhile is the next round's. */
  async #negotiate(): Promise<void> {
    if (this.#isNegotiating || this.#node === undefined) return
    this.#isNegotiating = true
    try {
      while (this.#isDirty && !this.#isClosed) {
        this.#isDirty = false
        await this.#round(this.#node)
      }
    } catch (error) {
      if (!this.#isClosed) this.#observer.failed(error instanceof Error ? error.message : String(error))
    } finally {
      this.#isNegotiating = false
    }
  }

  /** The first round answers the offer that the node has been given; receiving sections come with the second. */
  async #round(node: NodeEnd): Promise<void> {
    const added = this.#connection.signalingState === 'stable' ? this.#assign() : []
    if (this.#connection.signalingState === 'stable') await this.#connection.setLocalDescription()
    else this.#isDirty = true
    const sections = sectionsOf(this.#connection.localDescription?.sdp ?? '')
    const uses = sections.map(({ mid }) => this.#useOf(mid))
    await this.#connection.setRemoteDescription({
      type: 'answer',
      sdp: answerTo(sections, uses, node, this.#videoCodec),
    })
    for (const { source, transceiver } of added) {
      if (source !== undefined && !this.#isClosed) this.#observer.sourceAdded(source, transceiver.receiver.track)
    }
  }

  #useOf(mid: string): SectionUse {
    if (this.#microphone.mid === mid || this.#camera.mid === mid) return 'ours'
    return this.#slots.find(({ transceiver }) => transceiver.mid === mid)?.source
  }

  /** Frees the slots of who has left, and gives slots to who has come: those. */
  #assign(): Slot[] {
    const wanted = new Map(this.#wanted.map(source => [source.ssrc, source]))
    for (const slot of this.#slots) {
      if (slot.source === undefined || wanted.delete(slot.source.ssrc)) continue
      this.#observer.sourceRemoved(slot.source)
      slot.source = undefined
    }
    return Array.from(wanted.values(), source => {
      const isFree = (slot: Slot) => slot.source === undefined && slot.kind === source.kind
      const slot = this.#slots.find(isFree) ?? this.#addSlot(source.kind)
      slot.source = source
      return slot
    })
  }

  #addSlot(kind: RemoteSource['kind']): Slot {
    const transceiver = this.#connection.addTransceiver(kind, { direction: 'recvonly' })
    const slot: Slot = { kind, transceiver, source: undefined }
    this.#slots.push(slot)
    return slot
  }
}
