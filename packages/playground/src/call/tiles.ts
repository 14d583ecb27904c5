// The tiles of the grid: one for each member, with its camera if there is one, and one for each screen.
import type { CallView, PictureView } from './call-view.ts'
import { pictureKey } from './call-view.ts'
import type { Quality } from './wants.ts'

export interface Tile {
  readonly key: string
  readonly userId: string
  readonly name: string
  readonly role: PictureView['role']
  readonly isMe: boolean
  readonly isSpeaking: boolean
  readonly isSilenced: boolean
  readonly isPinned: boolean
  /** Undefined while no picture is sent, or none is wanted. */
  readonly track: MediaStreamTrack | undefined
  /** Undefined for the user's own picture, and for a member that sends none. */
  readonly quality: Quality | undefined
}

/** Screens first, then the members in their order. */
export function tilesOf(view: Pick<CallView, 'members' | 'pictures' | 'qualities' | 'pinned' | 'isMuted'>): Tile[] {
  const { members, pictures, qualities, pinned, isMuted } = view
  const tileOf = (member: CallView['members'][number], role: Tile['role']): Tile => {
    const { userId, name, isMe, isSpeaking } = member
    const key = pictureKey(userId, role)
    const picture = pictures.find(picture => picture.key === key)
    const quality = isMe || picture === undefined ? undefined : (qualities.get(key) ?? 'auto')
    const track = quality === 'off' ? undefined : picture?.track
    const isSilenced = member.isMuted || (isMe && isMuted)
    return { key, userId, name, role, isMe, isSpeaking, isSilenced, isPinned: key === pinned, track, quality }
  }
  const sharing = members.filter(({ userId }) => pictures.some(({ key }) => key === pictureKey(userId, 'screen')))
  return [...sharing.map(member => tileOf(member, 'screen')), ...members.map(member => tileOf(member, 'camera'))]
}
