// The media of one session in a browser: one RTCPeerConnection that negotiates with itself, in the node's name.
import type { WebrtcSelection } from '@parley/client/sessions'
import { answerTo, type NodeEnd, type RemoteSource, readNodeEnd, type SectionUse } from './answer.ts'
import { codecsOf, fragmentOf, sectionsOf } from './offer.ts'

export interface WebMediaObserver {
  stateChanged(state: RTCPeerConnectionState): void
  /** A member can be heard on `track` from now on. */
  sourceAdded(source: RemoteSource, track: MediaStreamTrack): void
  sourceRemoved(source: RemoteSource): void
  failed(reason: string): void
}

/** A receiving section, and whose audio it has; those who have left leave it to the next. */
interface Slot {
  readonly transceiver: RTCRtpTransceiver
  source: RemoteSource | undefined
}

export class WebMedia {
  readonly #connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' })
  readonly #microphone: RTCRtpTransceiver
  readonly #observer: WebMediaObserver
  readonly #slots: Slot[] = []
  #wanted: readonly RemoteSource[] = []
  #node: NodeEnd | undefined
  #isDirty = false
  #isNegotiating = false
  #isClosed = false

  constructor(track: MediaStreamTrack | null, observer: WebMediaObserver) {
    this.#observer = observer
    this.#microphone = this.#connection.addTransceiver('audio', { direction: 'sendonly' })
    if (track !== null) void this.#microphone.sender.replaceTrack(track)
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
    const audioSsrc = sections[0]?.ssrc
    const codecs = codecsOf(sections)
    if (audioSsrc === undefined || codecs.length === 0) throw new Error('the browser offers no Opus')
    return { protocol: 'webrtc', sdp: fragmentOf(sdp), codecs, audioSsrc }
  }

  /** The node's fragment. Members that were told before are added now. */
  answered(fragment: string): void {
    this.#node = readNodeEnd(fragment)
    if (this.#node === undefined) return this.#observer.failed('the node’s answer is incomplete')
    this.#isDirty = true
    void this.#negotiate()
  }

  /** Who can be heard, and with which SSRC. */
  setSources(wanted: readonly RemoteSource[]): void {
    this.#wanted = wanted
    this.#isDirty = true
    void this.#negotiate()
  }

  /** Null sends nothing at all. */
  async send(track: MediaStreamTrack | null): Promise<void> {
    await this.#microphone.sender.replaceTrack(track)
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
    await this.#connection.setRemoteDescription({ type: 'answer', sdp: answerTo(sections, uses, node) })
    for (const { source, transceiver } of added) {
      if (source !== undefined && !this.#isClosed) this.#observer.sourceAdded(source, transceiver.receiver.track)
    }
  }

  #useOf(mid: string): SectionUse {
    if (this.#microphone.mid === mid) return 'microphone'
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
      const slot = this.#slots.find(free => free.source === undefined) ?? this.#addSlot()
      slot.source = source
      return slot
    })
  }

  #addSlot(): Slot {
    const slot: Slot = {
      transceiver: this.#connection.addTransceiver('audio', { direction: 'recvonly' }),
      source: undefined,
    }
    this.#slots.push(slot)
    return slot
  }
}
