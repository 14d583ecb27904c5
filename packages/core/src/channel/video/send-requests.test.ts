// The op 15 that senders of video are sent, in a channel with many senders and viewers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Deadlines } from '../../deadlines.ts'
import { LIMITS } from '../../limits.ts'
import type { ChannelSession } from '../channel-session.ts'
import { SendRequests } from './send-requests.ts'
import type { Viewer } from './video-routes.ts'
import { VideoSource } from './video-source.ts'

const NO_WANTS = { any: 0, wants: new Map(), pixelCounts: new Map() }

class Member implements Viewer {
  readonly peer: number
  readonly source: VideoSource
  readonly texts: string[] = []
  readonly isWebrtc = false
  readonly layers = new Map()
  wants: Viewer['wants'] = NO_WANTS

  constructor(peer: number) {
    this.peer = peer
    const ssrc = peer * 8
    this.source = new VideoSource('camera', peer, [{ rid: '100', quality: 100, ssrc, rtxSsrc: ssrc + 1 }])
    this.source.declare({ video_ssrc: ssrc })
  }

  get session(): ChannelSession {
    const media = { sources: [this.source] }
    const sendText = (_op: number, text: string) => this.texts.push(text)
    return { version: 8, media, sendText, sourceChanged: () => {} } as never
  }
}

function scene(count: number) {
  const deadlines = new Deadlines()
  const members = Array.from({ length: count }, (_, index) => new Member(index + 1))
  const requests = new SendRequests(() => members, deadlines)
  for (const member of members) requests.declared(member.session)
  const sent = () => members.reduce((sum, { texts }) => sum + texts.length, 0)
  return { members, requests, deadlines, sent }
}

test('an update of many senders with many viewers runs in slices, and reaches each sender once', () => {
  const COUNT = 500
  const { requests, deadlines, sent } = scene(COUNT)
  let before = 0
  for (let now = 0; requests.deadline < Infinity; now += LIMITS.wantsInterval) {
    deadlines.tick(now)
    assert.ok(sent() - before <= LIMITS.wantsPerSlice / COUNT, `${sent() - before} senders in one slice`)
    before = sent()
  }
  assert.equal(sent(), COUNT)
})

test('what changes during an update is in the next', () => {
  const COUNT = 500
  const { members, requests, deadlines } = scene(COUNT)
  deadlines.tick(0)
  const [first, last] = [members[0]!, members.at(-1)!]
  assert.deepEqual([first.texts, last.texts], [['{"8":0,"any":0}'], []])
  last.wants = { ...NO_WANTS, wants: new Map([[8, 50]]) }
  requests.changed()
  for (let now = 0; requests.deadline < Infinity; now += LIMITS.wantsInterval) deadlines.tick(now)
  assert.deepEqual(first.texts, ['{"8":0,"any":0}', '{"8":50,"any":50}'])
  assert.equal(last.texts.length, 1)
})

test('after close an update in progress sends nothing more', () => {
  const { requests, deadlines, sent } = scene(500)
  deadlines.tick(0)
  const before = sent()
  requests.close()
  deadlines.tick(10_000)
  assert.deepEqual([requests.deadline, deadlines.size, sent()], [Infinity, 0, before])
})
