// What the user sends: the sound, the camera and the screen, from the devices that the user has chosen.
import type { Devices } from '../devices/devices.ts'
import { openCamera, openScreen, type Screen } from '../picture/capture.ts'
import type { SoundKind } from '../sound/sound-source.ts'
import { Studio } from '../sound/studio.ts'
import type { SentTracks } from '../voice/web-media.ts'
import { type Problem, problemOfCamera, problemOfMicrophone, problemOfScreen, unplayable } from './problem.ts'

export interface OwnMediaObserver {
  /** The user began or ceased to speak. */
  spoke(isSpeaking: boolean): void
  /** Another camera or screen is sent, or none. */
  picturesChanged(): void
}

function stop(screen: Screen | undefined): undefined {
  screen?.picture.stop()
  screen?.sound?.stop()
}

const nameOf = (error: unknown): string => (error instanceof DOMException ? error.name : '')

/** Each method that opens a device resolves with the problem if that fails; none rejects. */
export class OwnMedia {
  readonly #devices: Devices
  readonly #observer: OwnMediaObserver
  #studio: Studio | undefined
  #camera: MediaStreamTrack | undefined
  #screen: Screen | undefined
  #sound: SoundKind = 'microphone'
  #isMuted = false

  constructor(devices: Devices, observer: OwnMediaObserver) {
    this.#devices = devices
    this.#observer = observer
  }

  get sound(): SoundKind {
    return this.#sound
  }
  get camera(): MediaStreamTrack | undefined {
    return this.#camera
  }
  get screen(): MediaStreamTrack | undefined {
    return this.#screen?.picture
  }
  /** What is sent now; null where the user is muted or has no camera or screen. */
  get tracks(): SentTracks {
    const microphone = this.#isMuted ? undefined : this.#studio?.track
    const { picture, sound } = this.#screen ?? {}
    return {
      microphone: microphone ?? null,
      camera: this.#camera ?? null,
      screen: picture ?? null,
      sound: sound ?? null,
    }
  }
  get isOpen(): boolean {
    return this.#studio !== undefined
  }
  /** Loudness of the sound, 0 to 1. */
  get level(): number {
    return this.#studio?.level ?? 0
  }

  /** Opens the sound. It stays open over moves between channels. Call it from a click handler. */
  open(): Promise<Problem | undefined> {
    if (this.#studio !== undefined) return Promise.resolve(undefined)
    this.#studio = new Studio(isSpeaking => this.#observer.spoke(isSpeaking))
    this.#studio.isMuted = this.#isMuted
    return this.setSound(this.#sound)
  }

  /** Frees all devices. */
  close(): void {
    this.#studio?.close()
    this.#camera?.stop()
    stop(this.#screen)
    this.#studio = this.#camera = this.#screen = undefined
  }

  set isMuted(isMuted: boolean) {
    this.#isMuted = isMuted
    if (this.#studio !== undefined) this.#studio.isMuted = isMuted
  }

  /** If the microphone is unavailable, speech is sent instead. */
  async setSound(sound: SoundKind): Promise<Problem | undefined> {
    this.#sound = sound
    try {
      await this.#studio?.play(sound, this.#devices.chosen('microphone'))
      if (sound === 'microphone' && this.isOpen) await this.#devices.refresh()
      return undefined
    } catch (error) {
      if (sound !== 'microphone') return unplayable(error)
      await this.setSound('speech')
      return problemOfMicrophone(nameOf(error))
    }
  }

  async setCamera(isOn: boolean): Promise<Problem | undefined> {
    try {
      const track = isOn ? await openCamera(this.#devices.chosen('camera')) : undefined
      // The call may have ended while the browser asked the user.
      if (!this.isOpen) return void track?.stop()
      this.#camera?.stop()
      this.#camera = track
      this.#observer.picturesChanged()
      if (isOn) await this.#devices.refresh()
      return undefined
    } catch (error) {
      return problemOfCamera(nameOf(error))
    }
  }

  async setScreen(isOn: boolean): Promise<Problem | undefined> {
    try {
      const screen = isOn ? await openScreen() : undefined
      if (!this.isOpen) return stop(screen)
      stop(this.#screen)
      this.#screen = screen
      // The browser has a button of its own that ends sharing.
      screen?.picture.addEventListener('ended', () => this.#screen === screen && void this.setScreen(false))
      this.#observer.picturesChanged()
      return undefined
    } catch (error) {
      return problemOfScreen(nameOf(error))
    }
  }

  /** Another device was chosen: the sound and the camera are opened on it, if they are open. */
  async deviceChosen(kind: 'microphone' | 'camera'): Promise<Problem | undefined> {
    if (kind === 'camera') return this.#camera === undefined ? undefined : this.setCamera(true)
    return this.#sound === 'microphone' && this.isOpen ? this.setSound('microphone') : undefined
  }
}
