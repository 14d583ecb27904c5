// What native clients do in calls with browsers: they talk, and count what they hear.
import type { TestContext } from 'node:test'
import type { VoiceClient } from '@parley/client'
import { readSpeech } from '../../packages/server/src/demo/speech.ts'

/** Says the demo's lines again and again until the test is over. */
export function talk(context: TestContext, client: VoiceClient): void {
  const frames = readSpeech().flatMap(line => line.frames)
  let next = 0
  const timer = setInterval(() => client.sendFrame(frames[next++ % frames.length]!), 20)
  context.after(() => clearInterval(timer))
}

/** Frames of a user that were heard so far. */
export function count(client: VoiceClient, userId: string): () => number {
  let heard = 0
  client.on('frame', frame => {
    if (frame.userId === userId) heard++
  })
  return () => heard
}
