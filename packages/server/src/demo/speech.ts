// The dialogue of the demo's bots: speaker, text and Opus frames of each line.
import { readFileSync } from 'node:fs'
import { readOggOpus } from '@parley/client'
import { z } from 'zod'

export interface Line {
  speaker: string
  text: string
  /** 20 ms of Opus each. */
  frames: readonly Uint8Array[]
}

const FOLDER = new URL('../../assets/speech/', import.meta.url)

const Script = z.array(
  z.object({ file: z.string().regex(/^[a-z0-9-]+\.opus$/), speaker: z.string(), text: z.string() }),
)

/** The lines in order. */
export function readSpeech(): Line[] {
  const script = Script.parse(JSON.parse(readFileSync(new URL('speech.json', FOLDER), 'utf8')))
  return script.map(({ file, speaker, text }) => {
    const { packets } = readOggOpus(readFileSync(new URL(file, FOLDER)))
    return { speaker, text, frames: packets }
  })
}
