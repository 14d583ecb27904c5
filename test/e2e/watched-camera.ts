// A camera in two layers, and what a member in a browser receives of it, by its statistics.
import type { WebStats } from './web-member.ts'

/** A simulcast of the whole picture and of half its width and height, with these bits per second. */
export const twoLayers = (whole: number, half: number) => [
  { rid: 'h', quality: 100, scale: 1, maxBitrate: whole },
  { rid: 'l', quality: 50, scale: 2, maxBitrate: half },
]

/** Of the user's camera or screen; undefined in each while nothing arrives. */
export function watched(user: string) {
  const video = ({ inbound, remotes }: WebStats) => {
    const source = remotes.find(remote => remote.kind === 'video' && remote.user === user)
    return inbound.find(({ ssrc }) => ssrc === source?.ssrc)
  }
  return {
    video,
    widthOf: (stats: WebStats) => video(stats)?.frameWidth,
    /** Frames since the call began. */
    decoded: (stats: WebStats) => video(stats)?.framesDecoded ?? 0,
  }
}
