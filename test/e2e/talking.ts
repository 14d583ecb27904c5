// Discord clients in calls with browsers: they send speech and count received frames.
import type { TestContext } from 'node:test'
import type { VoiceClient } from '@parley/client'
import { readSpeech } from '../../packages/server/src/demo/speech.ts'

/** Sends the demo's speech in a loop until the test ends. */
export function talk(context: TestContext, client: VoiceClient): void {
  const frames = readSpeech().flatMap(line => line.frames)
  let next = 0
  const timer = setInterval(() => client.sendFrame(frames[next++ % frames.length]!), 20)
  context.after(() => clearInterval(timer))
}

/** Returns a function that returns the number of frames received from a user. */
export function count(client: VoiceClient, userId: string): () => number {
  let heard = 0
  client.on('frame', frame => {
    if (frame.userId === userId) heard++
  })
  return () => heard
}
