// Provides one track to send, whose sound can be replaced, and detects whether the user speaks.
import { openSound, type SoundKind, type SoundSource } from './sound-source.ts'

/** Root mean square of samples from −1 to 1 above which the user speaks. */
const LOUD = 0.01
/** Milliseconds of silence before speaking ends, longer than pauses between words. */
const HOLD = 400
const WATCH_INTERVAL = 50
/** Decibels relative to full scale that the input meter shows as nothing. */
const QUIETEST = -60

export interface StudioObserver {
  /** Speaking starts or ends. */
  spoke(isSpeaking: boolean): void
  /** The microphone was unplugged, or is no longer permitted. */
  microphoneEnded(): void
}

/** The track stays the same while its sound changes, so that nothing has to be negotiated again. */
export class Studio {
  readonly #context = new AudioContext({ sampleRate: 48_000 })
  readonly #output = this.#context.createMediaStreamDestination()
  readonly #analyser = new AnalyserNode(this.#context, { fftSize: 1024 })
  readonly #samples = new Float32Array(this.#analyser.fftSize)
  readonly #timer: number
  readonly #observer: StudioObserver
  #playing: { readonly kind: SoundKind; readonly source: SoundSource } | undefined
  /** Number of the latest choice. An earlier one may complete later, after the user has allowed the microphone. */
  #choice = 0
  #isSpeaking = false
  #isMuted = false
  #quietSince = 0
  #isClosed = false

  /** Browsers start audio only after a click, so call it from a click handler. */
  constructor(observer: StudioObserver) {
    this.#observer = observer
    this.#timer = window.setInterval(() => this.#watch(performance.now()), WATCH_INTERVAL)
    void this.#context.resume()
  }

  /** The track to send. It is silent without a sound. */
  get track(): MediaStreamTrack {
    return this.#output.stream.getAudioTracks()[0]!
  }

  /** What is played; undefined before the first sound. */
  get sound(): SoundKind | undefined {
    return this.#playing?.kind
  }

  /** Replaces the sound; after a failure the previous sound continues. Rejects like `openSound`. */
  async play(kind: SoundKind, microphone?: string): Promise<void> {
    const choice = ++this.#choice
    const source = await openSound(kind, this.#context, microphone)
    if (this.#isClosed || choice !== this.#choice) return source.stop()
    this.#stopSource()
    this.#playing = { kind, source }
    source.node.connect(this.#output)
    source.node.connect(this.#analyser)
    source.track?.addEventListener('ended', () => {
      if (this.#playing?.source === source) this.#observer.microphoneEnded()
    })
  }

  /** Loudness of the sound now, 0 to 1, whether it is sent or not. */
  get level(): number {
    const decibels = 20 * Math.log10(this.#measure())
    return Math.min(1, Math.max(0, 1 - decibels / QUIETEST))
  }

  set isMuted(isMuted: boolean) {
    this.#isMuted = isMuted
    this.#watch(performance.now())
  }

  close(): void {
    this.#isClosed = true
    window.clearInterval(this.#timer)
    this.#stopSource()
    void this.#context.close()
  }

  #stopSource(): void {
    this.#playing?.source.node.disconnect()
    this.#playing?.source.stop()
    this.#playing = undefined
  }

  /** Speaking starts at once and ends after HOLD. */
  #watch(now: number): void {
    const isLoud = !this.#isMuted && this.#measure() > LOUD
    if (isLoud) this.#quietSince = now
    const isSpeaking = isLoud || (!this.#isMuted && this.#isSpeaking && now - this.#quietSince < HOLD)
    if (isSpeaking === this.#isSpeaking) return
    this.#isSpeaking = isSpeaking
    this.#observer.spoke(isSpeaking)
  }

  /** Root mean square of the latest samples. */
  #measure(): number {
    this.#analyser.getFloatTimeDomainData(this.#samples)
    return Math.sqrt(this.#samples.reduce((sum, sample) => sum + sample * sample, 0) / this.#samples.length)
  }
}
