// One source of video that the page sends: its section of the connection, its track, and which of its layers are encoded.
import type { DaveWorker } from '@parley/client/browser'

/** One simulcast encoding of a source. */
export interface SentLayer {
  /** Named in its packets and in op 12. */
  readonly rid: string
  /** 0 to 100. */
  readonly quality: number
  /** The picture is this many times smaller in each direction. */
  readonly scale: number
  /** Bits per second. */
  readonly maxBitrate: number
  /** Bits per second while a better layer is encoded too: browsers fill the lower layers before they start a better one. */
  readonly besideBitrate: number
}

/** The camera's layers, the lowest first. */
export const CAMERA_LAYERS: readonly SentLayer[] = [
  { rid: '50', quality: 50, scale: 2, maxBitrate: 400_000, besideBitrate: 150_000 },
  { rid: '100', quality: 100, scale: 1, maxBitrate: 1_700_000, besideBitrate: 1_700_000 },
]
/** A screen has one layer: text that was scaled down cannot be read. */
export const SCREEN_LAYERS: readonly SentLayer[] = [
  { rid: 'screen', quality: 100, scale: 1, maxBitrate: 4_000_000, besideBitrate: 4_000_000 },
]

/** Name of the sound of a screen: a source of audio beside the voice. */
export const SCREEN_SOUND = 'sound'

export class SentVideo {
  readonly transceiver: RTCRtpTransceiver
  readonly #layers: readonly SentLayer[]
  /** Layers that viewers want, by rid. */
  #wanted: ReadonlySet<string>
  #isApplying = false
  #isDirty = false

  constructor(connection: RTCPeerConnection, layers: readonly SentLayer[], dave: DaveWorker | undefined) {
    this.#layers = layers
    this.#wanted = new Set(layers.map(({ rid }) => rid))
    this.transceiver = connection.addTransceiver('video', { direction: 'sendonly', sendEncodings: encodingsOf(layers) })
    dave?.sealSender(this.transceiver.sender, 'video')
  }

  /** Null sends nothing. */
  async send(track: MediaStreamTrack | null): Promise<void> {
    await this.transceiver.sender.replaceTrack(track)
  }

  /** Encodes the layers that viewers want, and no others. If the browser refuses the change, it has no effect. */
  encode(isWanted: (layer: SentLayer) => boolean): Promise<void> {
    this.#wanted = new Set(this.#layers.filter(isWanted).map(({ rid }) => rid))
    return this.apply()
  }

  /** Sets again what `encode` was called with last. */
  async apply(): Promise<void> {
    this.#isDirty = true
    if (this.#isApplying) return
    this.#isApplying = true
    // A second change of the parameters before the first is applied would be refused.
    while (this.#isDirty) {
      this.#isDirty = false
      await this.#apply().catch(() => {})
    }
    this.#isApplying = false
  }

  async #apply(): Promise<void> {
    const { sender } = this.transceiver
    const parameters = sender.getParameters()
    const best = this.#layers.findLastIndex(({ rid }) => this.#wanted.has(rid))
    for (const [index, encoding] of parameters.encodings.entries()) {
      const layer = this.#layers[index]
      if (layer === undefined) continue
      encoding.active = this.#wanted.has(layer.rid)
      encoding.maxBitrate = index < best ? layer.besideBitrate : layer.maxBitrate
    }
    await sender.setParameters(parameters)
  }
}

/** A single layer is not named, so that its SSRC is in the offer. Without a mode Chromium sends VP9 as layers of one stream. */
function encodingsOf(layers: readonly SentLayer[]): RTCRtpEncodingParameters[] {
  if (layers.length === 1) return layers.map(({ maxBitrate }) => ({ maxBitrate }))
  return layers.map(({ rid, scale, besideBitrate }) => {
    const encoding = { rid, scaleResolutionDownBy: scale, maxBitrate: besideBitrate }
    return { ...encoding, scalabilityMode: 'L1T1' }
  })
}
