// What another member sends, as the messages of the gateway announce it.
import type { Member } from '@parley/client/sessions'
import { SCREEN_LAYERS } from './sent-video.ts'

/** `sound`: that of a screen. */
export type SourceRole = 'voice' | 'sound' | 'camera' | 'screen'

/** A member's audio or video. */
export interface RemoteSource {
  readonly kind: 'audio' | 'video'
  readonly role: SourceRole
  readonly userId: string
  readonly ssrc: number
}

const [SCREEN] = SCREEN_LAYERS

/**
 * The sources of a member. The node calls every stream of op 12 `video`, as Discord clients expect, so that the page tells its
 * screens from cameras by their rid.
 */
export function remoteSourcesOf({ userId, ssrc = 0, video }: Readonly<Member>): RemoteSource[] {
  const streams = video?.streams ?? []
  const announced = streams.length > 0 ? streams : [{ ssrc: video?.ssrc }]
  const sources = announced.map(({ ssrc = 0, ...stream }): RemoteSource => {
    if ('type' in stream && stream.type === 'audio') return { kind: 'audio', role: 'sound', userId, ssrc }
    const role = 'rid' in stream && stream.rid === SCREEN?.rid ? 'screen' : 'camera'
    return { kind: 'video', role, userId, ssrc }
  })
  return [{ kind: 'audio', role: 'voice', userId, ssrc } as const, ...sources].filter(source => source.ssrc !== 0)
}
