// What the user sends: the sound, the camera and the screen, from the devices that the user has chosen.
import type { Devices } from '../devices/devices.ts'
import { openCamera, openScreen, type Screen } from '../picture/capture.ts'
import type { SoundKind } from '../sound/sound-source.ts'
import { Studio } from '../sound/studio.ts'
import type { SentTracks } from '../voice/web-media.ts'
import { type PictureView, pictureKey } from './call-view.ts'
import {
  CAMERA_GONE,
  type Problem,
  problemOfCamera,
  problemOfMicrophone,
  problemOfScreen,
  unplayable,
} from './problem.ts'

export interface OwnMediaObserver {
  /** The user began or ceased to speak. */
  spoke(isSpeaking: boolean): void
  /** Another camera or screen is sent, or none. */
  picturesChanged(): void
  /** A device was unplugged, or is no longer permitted. `problem`: what the user has to know of it. */
  deviceEnded(problem: Problem | undefined): void
}

function stop(screen: Screen | undefined): undefined {
  screen?.picture.stop()
  screen?.sound?.stop()
}

const nameOf = (error: unknown): string => (error instanceof DOMException ? error.name : '')

/**
 * Each method that opens a device resolves with the problem if that fails; none rejects. The latest choice of each kind counts: what an
 * earlier one opens late, or for a call that has ended since, is closed again.
 */
export class OwnMedia {
  readonly #devices: Devices
  readonly #observer: OwnMediaObserver
  #studio: Studio | undefined
  #camera: MediaStreamTrack | undefined
  #screen: Screen | undefined
  /** Numbers of the latest choices. */
  #soundChoice = 0
  #cameraChoice = 0
  #screenChoice = 0
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
  /** The screen and the camera as the page shows them to their user. */
  picturesOf(userId: string): PictureView[] {
    const tracks = { screen: this.screen, camera: this.camera }
    return (['screen', 'camera'] as const).flatMap(role => {
      const track = tracks[role]
      return track === undefined ? [] : [{ key: pictureKey(userId, role), userId, role, track }]
    })
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
    this.#studio = new Studio({
      spoke: isSpeaking => this.#observer.spoke(isSpeaking),
      microphoneEnded: () => void this.#microphoneEnded(),
    })
    this.#studio.isMuted = this.#isMuted
    return this.setSound(this.#sound)
  }

  /** Frees all devices. */
  close(): void {
    this.#studio?.close()
    this.#camera?.stop()
    stop(this.#screen)
    this.#studio = this.#camera = this.#screen = undefined
    this.#soundChoice++
    this.#cameraChoice++
    this.#screenChoice++
  }

  set isMuted(isMuted: boolean) {
    this.#isMuted = isMuted
    if (this.#studio !== undefined) this.#studio.isMuted = isMuted
  }

  /** If the microphone is unavailable, speech is sent instead. If another sound is, what was sent before continues. */
  async setSound(sound: SoundKind): Promise<Problem | undefined> {
    const choice = ++this.#soundChoice
    this.#sound = sound
    try {
      await this.#studio?.play(sound, this.#devices.chosen('microphone'))
      if (sound === 'microphone' && this.isOpen) await this.#devices.refresh()
      return undefined
    } catch (error) {
      if (choice !== this.#soundChoice) return undefined
      if (sound !== 'microphone') {
        this.#sound = this.#studio?.sound ?? sound
        return unplayable(error)
      }
      await this.setSound('speech')
      return problemOfMicrophone(nameOf(error))
    }
  }

  /** The default microphone stands in for one that is gone. */
  async #microphoneEnded(): Promise<void> {
    const choice = this.#soundChoice
    await this.#devices.refresh()
    if (choice === this.#soundChoice) this.#observer.deviceEnded(await this.setSound('microphone'))
  }

  async setCamera(isOn: boolean): Promise<Problem | undefined> {
    const choice = ++this.#cameraChoice
    try {
      const track = isOn ? await openCamera(this.#devices.chosen('camera')) : undefined
      // The browser may have asked the user meanwhile.
      if (!this.isOpen || choice !== this.#cameraChoice) return void track?.stop()
      this.#camera?.stop()
      this.#camera = track
      track?.addEventListener('ended', () => this.#camera === track && void this.#cameraEnded())
      this.#observer.picturesChanged()
      if (isOn) await this.#devices.refresh()
      return undefined
    } catch (error) {
      return choice === this.#cameraChoice ? problemOfCamera(nameOf(error)) : undefined
    }
  }

  /** Another camera may show what the user does not want to be seen. */
  async #cameraEnded(): Promise<void> {
    await this.setCamera(false)
    this.#observer.deviceEnded(CAMERA_GONE)
  }

  async setScreen(isOn: boolean): Promise<Problem | undefined> {
    const choice = ++this.#screenChoice
    try {
      const screen = isOn ? await openScreen() : undefined
      if (!this.isOpen || choice !== this.#screenChoice) return stop(screen)
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
