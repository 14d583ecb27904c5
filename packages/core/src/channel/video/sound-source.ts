// The sound of a member's screen: a second source of audio beside its voice. Only clients that offer one themselves know such sources.
import type { Stream, Video } from '@parley/protocol'
import type { PeerId } from '../../lane/commands.ts'
import type { RouteSource } from '../media-routes.ts'

/** The type of its stream in Identify, Ready and op 12. */
const SOUND = 'audio'

const isSound = ({ type }: Stream): boolean => type === SOUND

/** The streams of video among those that a client offers or declares. */
export const withoutSound = (streams: readonly Stream[]): Stream[] => streams.filter(stream => !isSound(stream))

export class SoundSource {
  readonly rid: string
  readonly route: RouteSource
  #declared: Stream | undefined

  constructor(peer: PeerId, ssrc: number, { rid = SOUND }: Stream) {
    this.rid = rid
    this.route = { peer, ssrc, isSound: true }
  }

  /** What the client last declared of it (op 12), if it declared an SSRC. */
  get declared(): Stream | undefined {
    return this.#declared
  }
  declare({ streams }: Video): void {
    this.#declared = streams?.find(stream => isSound(stream) && (stream.ssrc ?? 0) > 0 && stream.active !== false)
  }

  get isSending(): boolean {
    return this.#declared !== undefined
  }

  /** As Ready and op 12 list it. */
  stream(active: boolean) {
    return { type: SOUND as typeof SOUND, rid: this.rid, quality: 100, ssrc: this.route.ssrc, rtx_ssrc: 0, active }
  }
}

/** The source for the first stream of sound that Identify offers; undefined without one. */
export function soundSource(peer: PeerId, ssrc: number, offered: readonly Stream[]): SoundSource | undefined {
  const stream = offered.find(isSound)
  return stream && new SoundSource(peer, ssrc, stream)
}
