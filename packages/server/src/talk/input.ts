// Input of `parley talk`: credentials and a file to play. Each mistake is explained in one sentence.
import { readFileSync } from 'node:fs'
import { OggError, opusSamples, readOggOpus } from '@parley/client'
import { ConfigError } from '../config/config-error.ts'
import { SERVER_LIMITS } from '../limits.ts'
import { Credentials } from './credentials.ts'

/** Reads a file, or standard input if the path is `-`. Throws a `ConfigError`. */
export async function readCredentials(path: string): Promise<Credentials> {
  const text = path === '-' ? await readObject(process.stdin) : readFile(path).toString()
  const credentials = Credentials.safeParse(json(text))
  if (credentials.success) return credentials.data
  const { path: where, message } = credentials.error.issues[0]!
  const name = where.length === 0 ? 'the content' : where.join('.')
  throw new ConfigError(
    `--credentials ${path}: expected the output of parley demo --credentials, but ${name} is invalid: ${message}`,
  )
}

/** The first JSON object of the stream: the demo that prints it may keep running, so that the stream does not end. */
async function readObject(input: AsyncIterable<Buffer | string>): Promise<string> {
  let text = ''
  for await (const chunk of input) {
    text += chunk
    if (json(text) !== undefined || text.length > SERVER_LIMITS.maxCredentials) break
  }
  return text
}

/** Undefined for text that is not JSON, or not complete yet. */
function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The frames of an Ogg Opus file. Throws a `ConfigError`. */
export function readFrames(path: string): readonly Uint8Array[] {
  try {
    const { packets } = readOggOpus(readFile(path))
    if (packets.length === 0) throw new OggError('it contains no audio')
    const wrong = packets.findIndex(
      packet => packet.length > SERVER_LIMITS.maxOpusFrame || opusSamples(packet) === undefined,
    )
    if (wrong >= 0)
      throw new OggError(`packet ${wrong} is not an Opus packet of at most ${SERVER_LIMITS.maxOpusFrame} bytes`)
    return packets
  } catch (error) {
    if (!(error instanceof OggError)) throw error
    throw new ConfigError(
      `--play ${path}: expected Ogg Opus, such as the output of opusenc or "ffmpeg -i in.mp3 -c:a libopus out.opus": ${error.message}`,
    )
  }
}

/** Throws a `ConfigError`. */
export function readFile(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new ConfigError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`)
  }
}
