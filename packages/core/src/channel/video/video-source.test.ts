import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Stream, Video } from '@parley/protocol'
import { declarationOf, videoSources } from './video-source.ts'

const SSRCS = [11, 12, 13, 14, 15, 16, 17]

const layersOf = (offered: readonly Stream[]) =>
  videoSources(7, SSRCS, offered).map(({ kind, layers }) => [
    kind,
    ...layers.map(({ rid, quality, ssrc, rtxSsrc }) => `${rid} ${quality} ${ssrc}/${rtxSsrc}`),
  ])

const stream = (type: string, ssrc: number, active = true): Stream => ({ type, ssrc, rtx_ssrc: ssrc + 1, active })

test('layers are assigned pairs of SSRCs in the order of the offer, as long as pairs are left', () => {
  assert.deepEqual(layersOf([]), [['camera', '100 100 11/12']])
  assert.deepEqual(layersOf([{ type: 'video', rid: 'a', quality: 50 }, { quality: 30 }, {}, {}]), [
    ['camera', 'a 50 11/12', '30 30 13/14', '100 100 15/16'],
  ])
})

test('a screen is a source of its own', () => {
  const offered = [{ type: 'video', rid: '50', quality: 50 }, { type: 'screen' }, { type: 'video' }]
  assert.deepEqual(layersOf(offered), [
    ['camera', '50 50 11/12', '100 100 15/16'],
    ['screen', '100 100 13/14'],
  ])
})

test('of several sources each is declared by the streams of its type', () => {
  const sources = videoSources(7, SSRCS, [{ type: 'video' }, { type: 'screen' }])
  const [camera, screen] = sources
  const declare = (video: Video) => {
    for (const source of sources) source.declare(declarationOf(source, sources, video))
    return [camera?.isSending, screen?.isSending]
  }
  const both = [stream('video', 11), stream('screen', 13)]
  assert.deepEqual(declare({ video_ssrc: 11, streams: both }), [true, true])
  assert.equal(screen?.sent?.ssrc, 13)
  assert.deepEqual(declare({ video_ssrc: 11, streams: [stream('video', 11), stream('screen', 13, false)] }), [
    true,
    false,
  ])
  assert.deepEqual(declare({ video_ssrc: 13, streams: [stream('screen', 13)] }), [false, true])
  assert.deepEqual(declare({ video_ssrc: 0, streams: [] }), [false, false])
})

test('a single source sends if video_ssrc says so, and one stream is active where there are any', () => {
  const [camera] = videoSources(7, SSRCS, [])
  const isSending = (video: Video) => {
    camera?.declare(video)
    return camera?.isSending
  }
  assert.equal(camera?.isSending, false)
  assert.equal(isSending({ video_ssrc: 11 }), true)
  assert.equal(isSending({ video_ssrc: 11, streams: [stream('video', 11, false)] }), false)
  assert.equal(isSending({ video_ssrc: 900, streams: [stream('video', 900)] }), true)
  assert.equal(isSending({ video_ssrc: 0, streams: [stream('video', 0)] }), false)
})
