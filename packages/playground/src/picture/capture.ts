// The camera and the screen: their tracks.
import { openDevice } from '../devices/open-device.ts'

/** `deviceId` is the id of a camera; undefined for the default one. Rejects like `openDevice`. */
export async function openCamera(deviceId: string | undefined): Promise<MediaStreamTrack> {
  const video = { width: { ideal: 1_280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } }
  const stream = await openDevice(id => ({ video: { ...video, ...id } }), deviceId)
  return stream.getVideoTracks()[0]!
}

/** Browsers of phones have no screen sharing. */
export const canShareScreen = (): boolean =>
  navigator.mediaDevices !== undefined && 'getDisplayMedia' in navigator.mediaDevices

/** A shared screen, and its sound if the browser and the user share that too. */
export interface Screen {
  readonly picture: MediaStreamTrack
  readonly sound: MediaStreamTrack | undefined
}

/** The browser asks the user for the screen or window. Rejects with the DOMException of getDisplayMedia. */
export async function openScreen(): Promise<Screen> {
  const video = { width: { max: 1_920 }, height: { max: 1_080 }, frameRate: { ideal: 30 } }
  // Music and games, not speech.
  const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false }
  const stream = await navigator.mediaDevices.getDisplayMedia({ video, audio })
  const picture = stream.getVideoTracks()[0]!
  // Where the link carries less: fewer frames, but text that can be read.
  picture.contentHint = 'detail'
  return { picture, sound: stream.getAudioTracks()[0] }
}
