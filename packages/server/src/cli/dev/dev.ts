// `parley dev`: a small Discord for voice on this machine, for tests of bots and libraries.
import { createWriteStream } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import { createTestServer } from '../../dev/test-server.ts'
import type { TestServer } from '../../dev/test-server-types.ts'
import { traceLine } from '../../dev/trace/trace-lines.ts'
import { readWorld } from '../../dev/world.ts'
import { runCommand } from '../config-options.ts'
import { duration } from '../duration.ts'
import { untilStopped } from '../until-stopped.ts'

const HELP = `
Examples:
  $ parley dev                        # one guild, two voice channels, a stage; any token logs in
  $ parley dev --world world.toml     # your own guilds, channels and users
  $ parley dev --json > server.json   # for test runners: one line of addresses when it is ready

Everything listens on loopback. docs/testing-your-bot.md explains how to point each library at this server, and lists the faults.

Exit codes: 0 stopped, 1 a port could not be opened, 2 an option or the world is invalid.`

/** Options of the command; `duration` is in milliseconds. */
interface DevFlags {
  world?: string
  port?: number
  seed: number
  json: boolean
  legacyModes: boolean
  voiceHost?: string
  trace?: string
  duration?: number
  untilEof: boolean
}

export function register(program: Command): void {
  program
    .command('dev')
    .description('run a small Discord for voice, to test bots and libraries against')
    .option('-w, --world <file>', 'guilds, channels and users, as TOML or JSON')
    .option('-p, --port <port>', 'TCP port of REST and the main gateway (default: a free one)', port)
    .option('--seed <number>', 'seed of random faults', seed, 1)
    .option('--legacy-modes', 'also offer encryption modes that only old clients have, such as discordgo', false)
    .option('--voice-host <name>', 'host of the voice endpoint: localhost for clients that need a name, such as JDA')
    .option('--json', 'print the addresses as one line of JSON', false)
    .option('--trace <file>', 'append what clients and server say to each other, as JSON lines')
    .option('-d, --duration <time>', 'stop after this long, such as 10m', duration)
    .option('--until-eof', 'stop when standard input ends: signals to npx do not reach the server', false)
    .addHelpText('after', HELP)
    .action((flags: DevFlags) => runCommand(() => dev(flags)))
}

function port(text: string): number {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : Infinity
  if (number > 65_535) throw new InvalidArgumentError('Expected a port from 0 to 65535.')
  return number
}

function seed(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Expected a whole number.')
  return Number(text)
}

/** Runs the test server until a signal, the end of the time or of its input, or when its output is closed. */
async function dev(flags: DevFlags): Promise<void> {
  const { world: file, port, seed, json, legacyModes, voiceHost, trace, duration: time, untilEof } = flags
  const world = file === undefined ? undefined : readWorld(file)
  const stop = untilStopped(time)
  // The reader of the output has closed it.
  process.stdout.on('error', stop.now)
  if (untilEof) process.stdin.on('end', stop.now).on('error', stop.now).resume()
  try {
    const server = await createTestServer({ world, port, seed, voiceHost, voice: { legacy_modes: legacyModes } })
    if (trace !== undefined) writeTrace(server, trace)
    process.stdout.write(json ? `${JSON.stringify(server.addresses)}\n` : introduction(server))
    await stop.asked
    await server.close()
  } finally {
    stop.now()
    if (untilEof) process.stdin.destroy()
  }
}

/** Appends each event when it happens. An error of the file is reported, and the server runs on. */
function writeTrace({ trace }: TestServer, file: string): void {
  const stream = createWriteStream(file, { flags: 'a' })
  stream.on('error', ({ message }) => process.stderr.write(`parley: ${file}: ${message}\n`))
  trace.listen(event => void stream.write(`${traceLine(event)}\n`))
}

/** What a developer needs to point a library here. */
const introduction = ({
  addresses: { rest, gateway, voice, control, token, ca },
  seed,
}: TestServer) => `Parley test server: a small Discord for voice, reachable from this machine only. Any token logs in.

  REST           ${rest}
  main gateway   ${gateway}
  voice          ${voice}
  control        ${control}   Authorization: Bearer ${token}
  certificate    ${ca}
  seed           ${seed}

  How to point your library here: see "How to point it here" in docs/testing-your-bot.md. For discord.js:
    NODE_EXTRA_CA_CERTS=${ca}   and   new Client({ intents, rest: { api: '${rest}' } })
  To stop: Ctrl-C

`
