// What `parley talk` is given: credentials and a file to play. Mistakes are told in one sentence each.
import { readFileSync } from 'node:fs'
import { OggError, opusSamples, readOggOpus } from '@parley/client'
import { ConfigError } from '../config/config-error.ts'
import { Credentials } from '../credentials.ts'

/** Credentials are a few hundred bytes. */
const LONGEST_CREDENTIALS = 65_536
/** What a datagram has room for. */
const LONGEST_FRAME = 1_275

/** Reads a path, or standard input where it is `-`. Throws a `ConfigError`. */
export async function readCredentials(path: string): Promise<Credentials> {
  const text = path === '-' ? await readObject(process.stdin) : readFile(path).toString()
  const credentials = Credentials.safeParse(json(text))
  if (credentials.success) return credentials.data
  const { path: where, message } = credentials.error.issues[0]!
  const name = where.length === 0 ? 'what is there' : `${where.join('.')} there`
  throw new ConfigError(
    `--credentials ${path}: expected what parley demo --credentials prints, but ${name} does not fit: ${message}`,
  )
}

/** The first JSON object that comes: a demo that prints it may go on running, so that there is no end to wait for. */
async function readObject(input: AsyncIterable<Buffer | string>): Promise<string> {
  let text = ''
  for await (const chunk of input) {
    text += chunk
    if (json(text) !== undefined || text.length > LONGEST_CREDENTIALS) break
  }
  return text
}

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
    if (packets.length === 0) throw new OggError('there is no audio in it')
    const wrong = packets.findIndex(packet => packet.length > LONGEST_FRAME || opusSamples(packet) === undefined)
    if (wrong >= 0) throw new OggError(`packet ${wrong} is no Opus packet of at most ${LONGEST_FRAME} bytes`)
    return packets
  } catch (error) {
    if (!(error instanceof OggError)) throw error
    throw new ConfigError(
      `--play ${path}: expected Opus in Ogg, as opusenc or "ffmpeg -i in.mp3 -c:a libopus out.opus" write it: ${error.message}`,
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
