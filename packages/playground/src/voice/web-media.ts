// The media of one session in a browser: one RTCPeerConnection, whose answers are built locally in the node's place.
import type { DaveWorker } from '@parley/client/browser'
import type { WebrtcSelection } from '@parley/client/sessions'
import { answerTo, type NodeEnd, readNodeEnd, type SectionUse } from './answer.ts'
import { codecsOf, fragmentOf, type OfferSection, sectionsOf } from './offer.ts'
import type { RemoteSource } from './remote-source.ts'
import { CAMERA_LAYERS, SCREEN_LAYERS, SentVideo } from './sent-video.ts'

export interface WebMediaObserver {
  stateChanged(state: RTCPeerConnectionState): void
  /** `track` carries a member's audio or video from now on. */
  sourceAdded(source: RemoteSource, track: MediaStreamTrack): void
  sourceRemoved(source: RemoteSource): void
  failed(reason: string): void
}

/** A receiving section and its source. The section of a removed source is reused. */
interface Slot {
  readonly kind: RemoteSource['kind']
  readonly transceiver: RTCRtpTransceiver
  source: RemoteSource | undefined
}

/** Tracks to send; null sends nothing. */
export interface SentTracks {
  microphone: MediaStreamTrack | null
  camera: MediaStreamTrack | null
  screen: MediaStreamTrack | null
  sound: MediaStreamTrack | null
}

/** The browser's SSRCs, whether it sends at the moment or not. Those of the camera's layers are not in its offer. */
export interface MediaSsrcs {
  readonly audio: number
  readonly screen: number
  readonly screenRtx: number
  readonly sound: number
}

/** Microphone, camera, screen and its sound have the first sections; each source of a member has one more, which is reused when it is gone. */
export class WebMedia {
  readonly #connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' })
  readonly #microphone: RTCRtpTransceiver
  readonly camera: SentVideo
  readonly screen: SentVideo
  readonly #sound: RTCRtpTransceiver
  readonly #observer: WebMediaObserver
  readonly #dave: DaveWorker | undefined
  readonly #slots: Slot[] = []
  #wanted: readonly RemoteSource[] = []
  #node: NodeEnd | undefined
  #videoCodec: string | undefined
  #ssrcs: MediaSsrcs = { audio: 0, screen: 0, screenRtx: 0, sound: 0 }
  #isDirty = false
  #isNegotiating = false
  #isClosed = false

  /** `dave` seals and opens all frames; without it they are sent and received unencrypted. */
  constructor(tracks: SentTracks, dave: DaveWorker | undefined, observer: WebMediaObserver) {
    this.#observer = observer
    this.#dave = dave
    this.#microphone = this.#connection.addTransceiver('audio', { direction: 'sendonly' })
    dave?.sealSender(this.#microphone.sender, 'audio')
    this.camera = new SentVideo(this.#connection, CAMERA_LAYERS, dave)
    this.screen = new SentVideo(this.#connection, SCREEN_LAYERS, dave)
    this.#sound = this.#connection.addTransceiver('audio', { direction: 'sendonly' })
    dave?.sealSender(this.#sound.sender, 'audio')
    void this.send(tracks)
    this.#connection.addEventListener('connectionstatechange', () => {
      if (!this.#isClosed) observer.stateChanged(this.#connection.connectionState)
    })
  }

  /** The node's address; undefined before its answer. */
  get nodeAddress(): string | undefined {
    return this.#node && `${this.#node.ip}:${this.#node.port}`
  }

  /** The content of Select Protocol. Throws if the browser offers no Opus. */
  async offer(): Promise<WebrtcSelection> {
    const { sdp = '' } = await this.#connection.createOffer()
    await this.#connection.setLocalDescription({ type: 'offer', sdp })
    const sections = sectionsOf(sdp)
    const [audioSsrc] = this.#sectionOf(sections, this.#microphone)?.ssrcs ?? []
    const [screen = 0, screenRtx = 0] = this.#sectionOf(sections, this.screen.transceiver)?.ssrcs ?? []
    const codecs = codecsOf(sections)
    if (audioSsrc === undefined || codecs.length === 0) throw new Error('the browser offers no Opus')
    const [sound = 0] = this.#sectionOf(sections, this.#sound)?.ssrcs ?? []
    this.#ssrcs = { audio: audioSsrc, screen, screenRtx, sound }
    this.#dave?.setCodecs(codecs.map(({ name, payload_type: type }) => [type, name]))
    return { protocol: 'webrtc', sdp: fragmentOf(sdp), codecs, audioSsrc }
  }

  get ssrcs(): MediaSsrcs {
    return this.#ssrcs
  }

  /** Applies the node's fragment and its choice of video codec, then adds the sources that are already known. */
  answered(fragment: string, videoCodec: string | undefined): void {
    this.#videoCodec = videoCodec
    this.#node = readNodeEnd(fragment)
    if (this.#node === undefined) return this.#observer.failed('the node’s answer is incomplete')
    this.#isDirty = true
    void this.#negotiate()
  }

  /** Sets the sources of the other members. Negotiates only if they changed. */
  setSources(wanted: readonly RemoteSource[]): void {
    const isSame = wanted.map(nameOf).join() === this.#wanted.map(nameOf).join()
    this.#wanted = wanted
    if (isSame) return
    this.#dave?.setSources(wanted.map(({ ssrc, userId }) => [ssrc, userId]))
    this.#isDirty = true
    void this.#negotiate()
  }

  async send({ microphone, camera, screen, sound }: SentTracks): Promise<void> {
    await this.#microphone.sender.replaceTrack(microphone)
    await this.camera.send(camera)
    await this.screen.send(screen)
    await this.#sound.sender.replaceTrack(sound)
  }

  /** Sets the video codec to send, which all members can decode, by its name in SDP. */
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

  /** Runs one round at a time. Changes during a round are applied in the next one. */
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

  /** The first round answers the offer that was sent to the node; the second adds receiving sections. */
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
    // An answer makes Chromium encode all layers again.
    void this.camera.apply()
    for (const { source, transceiver } of added) {
      if (source !== undefined && !this.#isClosed) this.#observer.sourceAdded(source, transceiver.receiver.track)
    }
  }

  /** What a section of the local description is for. */
  #useOf(mid: string): SectionUse {
    const sent = [this.#microphone, this.camera.transceiver, this.screen.transceiver, this.#sound]
    if (sent.some(transceiver => transceiver.mid === mid)) return 'ours'
    return this.#slots.find(({ transceiver }) => transceiver.mid === mid)?.source
  }

  #sectionOf(sections: readonly OfferSection[], { mid }: RTCRtpTransceiver): OfferSection | undefined {
    return sections.find(section => section.mid === mid)
  }

  /** Frees the slots of removed sources and assigns slots to new ones, which it returns. */
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
    this.#dave?.openReceiver(transceiver.receiver, kind)
    const slot: Slot = { kind, transceiver, source: undefined }
    this.#slots.push(slot)
    return slot
  }
}

const nameOf = ({ role, userId, ssrc }: RemoteSource): string => `${role} ${userId} ${ssrc}`
