// The tiles of the grid.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type MemberView, type PictureView, pictureKey } from './call-view.ts'
import { tilesOf } from './tiles.ts'

const member = (userId: string, more: Partial<MemberView> = {}): MemberView => {
  const base = { userId, name: `user ${userId}`, isMe: false, isBot: false, isSpeaking: false, isMuted: false }
  return { ...base, volume: 1, supportsDave: true, isInGroup: true, ...more }
}
const picture = (userId: string, role: PictureView['role']): PictureView => {
  return { key: pictureKey(userId, role), userId, role, track: { id: `${userId} ${role}` } as PictureView['track'] }
}
const VIEW = { qualities: new Map(), pinned: undefined, isMuted: false }

test('every member has a tile, with its camera if there is one, and screens come first', () => {
  const members = [member('1', { isMe: true }), member('2'), member('3')]
  const tiles = tilesOf({ ...VIEW, members, pictures: [picture('3', 'screen'), picture('2', 'camera')] })
  assert.deepEqual(
    tiles.map(({ key, track, quality }) => [key, track?.id, quality]),
    [
      ['3 screen', '3 screen', 'auto'],
      ['1 camera', undefined, undefined],
      ['2 camera', '2 camera', 'auto'],
      ['3 camera', undefined, undefined],
    ],
  )
})

test('a picture that is off shows no track, and a pinned one says so', () => {
  const key = pictureKey('2', 'camera')
  const qualities = new Map([[key, 'off' as const]])
  const [tile] = tilesOf({
    ...VIEW,
    qualities,
    pinned: key,
    members: [member('2')],
    pictures: [picture('2', 'camera')],
  })
  assert.deepEqual([tile?.track, tile?.quality, tile?.isPinned], [undefined, 'off', true])
})

test('the user’s own picture has no quality, and the user’s mute is shown', () => {
  const pictures = [picture('1', 'camera')]
  const [tile] = tilesOf({ ...VIEW, isMuted: true, members: [member('1', { isMe: true })], pictures })
  assert.deepEqual([tile?.quality, tile?.isSilenced, tile?.track?.id], [undefined, true, '1 camera'])
})
