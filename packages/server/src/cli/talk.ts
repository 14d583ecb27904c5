// `parley talk`: a bot in the foreground that plays a file, records speakers, or only listens.
import { type DaveLibrary, loadDavey, VoiceClient } from '@parley/client'
import { VoiceMode } from '@parley/protocol'
import { type Command, Option } from 'commander'
import { ConfigError } from '../config/config-error.ts'
import { closeMeaning } from '../talk/close-meanings.ts'
import type { Credentials } from '../talk/credentials.ts'
import { readCredentials, readFile, readFrames } from '../talk/input.ts'
import { Recorder } from '../talk/recorder.ts'
import { Speakers } from '../talk/speakers.ts'
import { runCommand } from './config-options.ts'
import { duration } from './duration.ts'
import { type Stop, untilStopped } from './until-stopped.ts'

const HELP = `
Examples:
  $ parley demo --credentials > bot.json      # with a demo running in another terminal
  $ parley talk --credentials bot.json --play hello.opus
  $ parley talk --credentials bot.json --record calls --duration 10m

Leaves after playing; with --loop, --record or --duration, or without --play, it stays until Ctrl-C or the end of that time.
Each speaker is recorded to <user id>.opus; the files are complete when the command ends, also by Ctrl-C.

Exit codes: 0 left, 1 rejected or permanently disconnected, 2 an option or file is missing or invalid.`

/** Options of the command; `duration` is in milliseconds. */
interface TalkFlags {
  credentials: string
  play?: string
  record?: string
  loop: boolean
  mode?: VoiceMode
  tls: boolean
  duration?: number
}

export function register(program: Command): void {
  program
    .command('talk')
    .description('join a call as a bot: play a file, record speakers')
    .requiredOption('-c, --credentials <file>', 'JSON printed by parley demo --credentials; - for standard input')
    .option('-p, --play <file>', 'an Ogg Opus file to play')
    .option('-l, --loop', 'repeat the file', false)
    .option('-r, --record <folder>', 'record each speaker to a file in this folder')
    .addOption(new Option('-m, --mode <mode>', 'require an encryption mode').choices(Object.values(VoiceMode)))
    .option('--no-tls', 'connect to a node on this machine that has no TLS')
    .option('-d, --duration <time>', 'leave after this long, such as 10s', duration)
    .addHelpText('after', HELP)
    .action((flags: TalkFlags) => runCommand(() => talk(flags)))
}

/** Joins, plays and records, and leaves. A session that ends permanently ends the command with exit code 1. */
async function talk(flags: TalkFlags): Promise<void> {
  const credentials = await readCredentials(flags.credentials)
  const frames = flags.play === undefined ? undefined : readFrames(flags.play)
  const client = clientOf(credentials, flags, await loadDavey())
  const recorder = flags.record === undefined ? undefined : openRecorder(flags.record)
  const stop = untilStopped(flags.duration)
  const fail = (sentence: string) => {
    process.stderr.write(`parley: ${sentence}\n`)
    process.exitCode = 1
    stop.now()
  }
  process.stdout.on('error', stop.now)
  printEvents(client, credentials, fail)
  if (recorder !== undefined) record(client, recorder, fail)
  // The reason of a failure is in the `closed` event.
  const joined = client.connect().catch(() => {})
  await Promise.race([joined, stop.asked])
  if (frames !== undefined) await play(client, frames, flags.loop, stop)
  if (frames === undefined || recorder !== undefined || flags.duration !== undefined) await stop.asked
  stop.now()
  await client.close()
  if (recorder !== undefined) finish(recorder, fail)
}

/** A client from the credentials. What it rejects (an endpoint, a missing TLS) is a mistake in them. */
function clientOf(credentials: Credentials, { mode, tls }: TalkFlags, dave: DaveLibrary | undefined): VoiceClient {
  const { endpoint, server_id, channel_id, user_id, session_id, token, ca } = credentials
  try {
    return new VoiceClient({
      endpoint,
      serverId: server_id,
      channelId: channel_id,
      userId: user_id,
      sessionId: session_id,
      token,
      mode,
      dave,
      tls: tls && { ca: ca === undefined ? undefined : readFile(ca) },
    })
  } catch (error) {
    if (error instanceof RangeError) throw new ConfigError(`--credentials: ${error.message}`)
    throw error
  }
}

/** A folder that cannot be created is a mistake in the options. */
function openRecorder(folder: string): Recorder {
  try {
    return new Recorder(folder)
  } catch (error) {
    throw new ConfigError(`--record ${folder}: cannot be created (${(error as NodeJS.ErrnoException).code ?? error})`)
  }
}

/** Plays the frames once, or until the command stops. */
async function play(client: VoiceClient, frames: readonly Uint8Array[], loops: boolean, stop: Stop): Promise<void> {
  const ending = new AbortController()
  void stop.asked.then(() => ending.abort())
  const { signal } = ending
  do await client.play(frames, { signal })
  while (loops && !signal.aborted && client.state !== 'closed')
}

/** Prints events. If the session ends permanently, the command fails. */
function printEvents(
  client: VoiceClient,
  { endpoint, channel_id, user_id }: Credentials,
  fail: (why: string) => void,
): void {
  const say = (line: string) => void process.stdout.write(`${line}\n`)
  client.on('ready', ({ mode }) => say(`in channel ${channel_id} as ${user_id}: udp, ${mode}`))
  client.on('encryption', ({ version, privacyCode }) => {
    if (version === 0) say('not encrypted end to end: a member of the call does not support it')
    else if (privacyCode !== undefined) say(`encrypted end to end, privacy code ${privacyCode}`)
  })
  client.on('userConnected', ({ userId }) => say(`${userId} is here`))
  const speakers = new Speakers((userId, isSpeaking) => say(`${userId} ${isSpeaking ? 'speaks' : 'is silent'}`))
  const ticks = setInterval(() => speakers.tick(performance.now()), 200)
  client.on('frame', ({ userId, payload }) => {
    if (userId !== undefined) speakers.received(userId, payload, performance.now())
  })
  client.on('userDisconnected', ({ userId }) => {
    speakers.left(userId)
    say(`${userId} left`)
  })
  client.on('disconnected', ({ code, reason, wait }) =>
    say(`lost the connection (${code}${reason === '' ? '' : `: ${reason}`}); reconnecting in ${Math.round(wait)} ms`),
  )
  client.on('resumed', () => say('reconnected, session resumed'))
  client.on('error', error => process.stderr.write(`parley: ${error.message}\n`))
  client.on('closed', ({ code, reason }) => {
    clearInterval(ticks)
    if (code !== LEFT) fail(closedSentence(endpoint, code, reason))
  })
}

/** RFC 6455 §7.4.1: normal closure, by this client. */
const LEFT = 1000
/** RFC 6455 §7.4.1: no close frame, or no connection. */
const NO_CONNECTION = 1006

/** Why the session ended, for a user who does not know close codes. */
function closedSentence(endpoint: string, code: number, reason: string): string {
  if (code === NO_CONNECTION) {
    const hint = /certificate/.test(reason) ? ' ("ca" of the credentials names the certificate to trust)' : ''
    return `${endpoint} cannot be reached: ${reason}${hint}`
  }
  const meaning = closeMeaning(code)
  if (meaning === undefined) return `the session with ${endpoint} ended with ${code}: ${reason}`
  return `${endpoint} closed with ${code}: ${meaning}${reason === '' ? '' : ` (${reason})`}`
}

/** Writes what is received. A recording that cannot be written stops the command. */
function record(client: VoiceClient, recorder: Recorder, fail: (why: string) => void): void {
  const guarded = (write: () => void) => {
    try {
      write()
    } catch (error) {
      fail(`recording stopped: ${String(error)}`)
    }
  }
  client.on('frame', frame => guarded(() => recorder.received(frame, frame.userId, performance.now())))
  client.on('speaking', ({ ssrc, userId }) => guarded(() => recorder.named(ssrc, userId)))
}

/** Completes the files and prints them. Packets without a known speaker are counted. */
function finish(recorder: Recorder, fail: (why: string) => void): void {
  try {
    for (const { path, seconds, skipped } of recorder.end())
      process.stdout.write(
        `recorded ${seconds.toFixed(1)} s to ${path}${skipped === 0 ? '' : ` (${skipped} packets arrived too late)`}\n`,
      )
  } catch (error) {
    fail(`a recording is incomplete: ${String(error)}`)
  }
  if (recorder.dropped > 0)
    process.stderr.write(`parley: ${recorder.dropped} packets of unknown speakers were not recorded\n`)
}
