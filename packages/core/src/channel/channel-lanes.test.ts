// What a channel sends to its lanes when a member joins another one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Deadlines } from '../deadlines.ts'
import { type Effect, Effects } from '../effect.ts'
import { ALL_WANTED } from '../lane/wants.ts'
import { seededCrypto } from '../testing/seeded-crypto.ts'
import { ChannelLanes } from './channel-lanes.ts'
import type { ChannelMedia, ChannelSession } from './channel-session.ts'
import { Lanes } from './lane-handle.ts'

function scene(lanes: number, membersPerLane: number) {
  const effects = new Effects()
  const ids = Array.from({ length: lanes }, (_, id) => ({ id, port: 50_000 + id }))
  const all = new Lanes(ids, seededCrypto('lanes'), effects, membersPerLane)
  const channel = new ChannelLanes('chat', all, new Deadlines())
  /** Commands since the last call, as `lane kind`. */
  const sent = () =>
    effects.take().map(effect => {
      const { lane, command } = effect as Effect & { kind: 'lane' }
      return { lane, command }
    })
  const join = (): ChannelSession => {
    const lane = channel.place()
    const numbers = lane.reservePeer()
    const { peer, ssrcs } = numbers
    const media = { lane, numbers, peer, wants: ALL_WANTED, audio: { peer, ssrc: ssrcs[0]! } }
    const session = { media: media as unknown as ChannelMedia } as ChannelSession
    channel.join(session)
    return session
  }
  return { channel, join, sent }
}

test('a listener that joins costs one command, a speaker one and two per other lane, whatever the number of members', () => {
  const { channel, join, sent } = scene(3, 40)
  const members = Array.from({ length: 100 }, join)
  for (const { media } of members) {
    channel.openAudio(media)
    channel.addListener(media)
  }
  sent()
  const { media } = join()
  channel.addListener(media)
  assert.deepEqual(
    sent().map(({ lane, command }) => [lane, command.kind]),
    [[2, 'addTarget']],
  )
  channel.openAudio(media)
  assert.deepEqual(
    sent().map(({ lane, command }) => [lane, command.kind]),
    [
      [0, 'addPeer'],
      [0, 'setRoute'],
      [1, 'addPeer'],
      [1, 'setRoute'],
      [2, 'setRoute'],
    ],
  )
})

test('peers of other lanes name the backend of the channel, for its share there', () => {
  const { channel, join, sent } = scene(2, 1)
  const speaker = join()
  join()
  channel.openAudio(speaker.media)
  const added = sent().flatMap(({ command }) => (command.kind === 'addPeer' ? [command] : []))
  assert.deepEqual(
    added.map(({ lane, backend }) => [lane, backend]),
    [[0, 'chat']],
  )
})

test('a lane that a channel begins to use requires sealed audio where the channel does', () => {
  const { channel, join, sent } = scene(2, 1)
  const speaker = join()
  channel.openAudio(speaker.media)
  channel.requireSealed(true)
  join()
  channel.openAudio(speaker.media)
  const routes = sent().flatMap(({ lane, command }) => (command.kind === 'setRoute' ? [{ lane, command }] : []))
  assert.deepEqual(
    routes.slice(-2).map(({ lane, command: { sealedOnly, lanes } }) => [lane, sealedOnly, lanes]),
    [
      [0, true, [1]],
      [1, true, undefined],
    ],
  )
})

test('on each lane of a channel, members and remote peers share a limit of bit rate', () => {
  const { channel, join, sent } = scene(2, 1)
  const [first, second] = [join(), join()]
  channel.openAudio(first.media)
  const limits = () =>
    sent().flatMap(({ lane, command }) =>
      command.kind === 'limitBitrate' ? [[lane, command.peer, command.group, command.member, command.channel]] : [],
    )
  assert.deepEqual(limits(), [])
  channel.limitBitrate({ channel: 5_000, member: 4_000 })
  assert.deepEqual(limits(), [
    [0, first.media.peer, 1, 4_000, 5_000],
    [1, second.media.peer, 1, 4_000, 5_000],
    // The speaker of lane 0 on lane 1.
    [1, second.media.peer + 1, 1, 4_000, 5_000],
  ])
  channel.limitBitrate({ channel: 5_000, member: 4_000 })
  assert.deepEqual(limits(), [])
  channel.openAudio(second.media)
  const third = join()
  assert.deepEqual(limits(), [
    [0, first.media.peer + 1, 1, 4_000, 5_000],
    [third.media.lane.id, third.media.peer, 1, 4_000, 5_000],
  ])
})
