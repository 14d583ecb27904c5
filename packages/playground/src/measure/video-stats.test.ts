// Readings of videos from browser statistics.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VideoStats } from './video-stats.ts'

const CODEC = { type: 'codec', id: 'C', mimeType: 'video/VP8' }
const received = (bytesReceived: number, timestamp: number) => {
  const stat = { type: 'inbound-rtp', id: 'I', kind: 'video', trackIdentifier: 't', codecId: 'C' }
  return { ...stat, frameWidth: 640, frameHeight: 360, framesPerSecond: 30, bytesReceived, timestamp }
}

test('a received video has its size and codec, and a bit rate from the second reading on', () => {
  const stats = new VideoStats()
  const first = {
    rid: undefined,
    width: 640,
    height: 360,
    frames: 30,
    bitrate: undefined,
    codec: 'VP8',
    isActive: true,
  }
  assert.deepEqual(stats.read([received(1_000, 5_000), CODEC]).get('t'), [first])
  assert.deepEqual(stats.read([received(26_000, 6_000), CODEC]).get('t'), [{ ...first, bitrate: 200_000 }])
})

test('the layers of a sent video are found by the track of their media source', () => {
  const layer = (rid: string, active: boolean) => {
    return { type: 'outbound-rtp', id: rid, kind: 'video', rid, active, mediaSourceId: 'S', bytesSent: 0, timestamp: 1 }
  }
  const source = { type: 'media-source', id: 'S', kind: 'video', trackIdentifier: 'mine' }
  const readings = new VideoStats().read([layer('50', true), layer('100', false), source]).get('mine')
  assert.deepEqual(
    readings?.map(({ rid, isActive }) => [rid, isActive]),
    [
      ['50', true],
      ['100', false],
    ],
  )
})

test('audio, and video without a track, have no readings', () => {
  const audio = { ...received(1, 1), kind: 'audio' }
  const { trackIdentifier: _, ...unnamed } = received(1, 1)
  assert.equal(new VideoStats().read([audio, unnamed]).size, 0)
})
