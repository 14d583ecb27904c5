// What the page declares of its video (op 12), and what it reads of that of others.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { remoteSourcesOf } from './remote-source.ts'
import { OFFERED_STREAMS, videoAnnouncement } from './video-announcement.ts'

const SSRCS = {
  audio: 11,
  screen: 31,
  screenRtx: 32,
  sound: 35,
  camera: new Map([
    ['100', { ssrc: 21, rtx_ssrc: 22 }],
    ['50', { ssrc: 23, rtx_ssrc: 24 }],
  ]),
}

test('Identify offers the layers of a camera, the best first, a screen and its sound', () => {
  assert.deepEqual(
    OFFERED_STREAMS.map(({ type, rid }) => [type, rid]),
    [
      ['video', '100'],
      ['video', '50'],
      ['screen', 'screen'],
      ['audio', 'sound'],
    ],
  )
})

test('a camera is declared with the SSRCs of Ready, a screen with those of the browser', () => {
  const { streams, ...video } = videoAnnouncement(SSRCS, { camera: true, screen: true, sound: true })
  assert.deepEqual(video, { audio_ssrc: 11, video_ssrc: 21, rtx_ssrc: 22 })
  assert.deepEqual(
    streams?.map(({ type, rid, ssrc, rtx_ssrc, active }) => [type, rid, ssrc, rtx_ssrc, active]),
    [
      ['video', '100', 21, 22, true],
      ['video', '50', 23, 24, true],
      ['screen', 'screen', 31, 32, true],
      ['audio', 'sound', 35, undefined, true],
    ],
  )
})

test('without a camera the screen is the only stream; without both there is none', () => {
  const screen = videoAnnouncement(SSRCS, { camera: false, screen: true, sound: false })
  assert.deepEqual([screen.video_ssrc, screen.streams?.length], [31, 1])
  const off = videoAnnouncement(SSRCS, { camera: false, screen: false, sound: false })
  assert.deepEqual(off, { audio_ssrc: 11, video_ssrc: 0, rtx_ssrc: 0, streams: [] })
})

test('of another member a screen is told from a camera by its rid', () => {
  const streams = [
    { rid: '100', ssrc: 41 },
    { rid: 'screen', ssrc: 43 },
    { type: 'audio', rid: 'sound', ssrc: 45 },
  ]
  assert.deepEqual(remoteSourcesOf({ userId: '8', ssrc: 40, speaking: 0, video: { ssrc: 41, streams } }), [
    { kind: 'audio', role: 'voice', userId: '8', ssrc: 40 },
    { kind: 'video', role: 'camera', userId: '8', ssrc: 41 },
    { kind: 'video', role: 'screen', userId: '8', ssrc: 43 },
    { kind: 'audio', role: 'sound', userId: '8', ssrc: 45 },
  ])
})

test('a member without streams has one camera if it names an SSRC, and no video without one', () => {
  assert.deepEqual(remoteSourcesOf({ userId: '8', speaking: 0, video: { ssrc: 41, streams: [] } }), [
    { kind: 'video', role: 'camera', userId: '8', ssrc: 41 },
  ])
  assert.deepEqual(remoteSourcesOf({ userId: '8', speaking: 0 }), [])
})
