// Views of guests, with events in any order.
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import type { VideoView } from '@parley/client'
import { VideoViews } from './video-views.ts'

const CHANNEL = '500'

/** The parts of a demo's backend that views read. */
class Events extends EventEmitter {
  readonly members = new Map([
    ['1', CHANNEL],
    ['2', CHANNEL],
  ])

  /** `userId` views the camera of `senderId`. */
  view(userId: string, senderId: string, reason?: VideoView['reason'], channelId = CHANNEL): void {
    const numbers = { layers: 2, wanted: 1, target: 1, current: 1, bitrate: 1 }
    this.emit('videoView', { userId, senderId, channelId, guildId: '100', kind: 'camera', reason, ...numbers })
  }
  leave(userId: string): void {
    this.members.delete(userId)
    this.emit('voiceStateDisconnected', { userId })
  }
}

const sendersAt = (views: VideoViews, viewerId: string) => views.of(viewerId).map(({ senderId }) => senderId)

test('a view ends when the node says so, and when its sender or its viewer leaves', () => {
  for (const end of [
    (events: Events) => events.view('1', '2', 'ended'),
    (events: Events) => events.leave('2'),
    (events: Events) => events.leave('1'),
  ]) {
    const events = new Events()
    const views = new VideoViews(events)
    events.view('1', '2')
    assert.deepEqual(sendersAt(views, '1'), ['2'])
    end(events)
    assert.deepEqual(sendersAt(views, '1'), [])
  }
})

test('a view that is reported after its viewer or its sender has left the channel is not kept', () => {
  for (const gone of ['1', '2']) {
    const events = new Events()
    const views = new VideoViews(events)
    events.leave(gone)
    events.view('1', '2')
    assert.deepEqual(sendersAt(views, '1'), [])
  }
  const events = new Events()
  const views = new VideoViews(events)
  events.view('1', '2')
  events.members.set('1', '501')
  events.view('1', '2')
  assert.deepEqual(sendersAt(views, '1'), [], 'the viewer was moved')
})
