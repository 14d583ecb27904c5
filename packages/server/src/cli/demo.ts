// `parley demo`: a node with two bots in a call, and credentials to join it.
import { isIP } from 'node:net'
import { type Command, InvalidArgumentError } from 'commander'
import { processEnvironment } from '../config/config.ts'
import { sentence } from '../demo/call-view.ts'
import { Demo } from '../demo/demo.ts'
import type { CallEvent } from '../demo/demo-call.ts'
import { askDemo } from '../demo/demo-control.ts'
import { findRunningDemo } from '../demo/running-demo.ts'
import { openScreen, type Screen } from '../demo/screen.ts'
import type { Credentials } from '../talk/credentials.ts'
import { runCommand } from './config-options.ts'
import { duration } from './duration.ts'
import { untilStopped } from './until-stopped.ts'

const HELP = `
Examples:
  $ parley demo                               # watch a call
  $ parley demo --credentials > bot.json      # in another terminal: credentials to join it
  $ parley demo --duration 10s --no-view      # in CI: check that voice works
  $ parley demo --media 192.168.1.20          # for browsers that refuse media on 127.0.0.1

Everything listens on loopback. Firefox refuses media there: pass another address of this machine to --media. Voice packets then
use that address, where the network can reach the port; everything else stays on loopback. Each start creates a new certificate.
Programs that verify it, as Discord libraries do, need its path ("ca" of the credentials) in NODE_EXTRA_CA_CERTS (Node.js) or
SSL_CERT_FILE (others).

Exit codes: 0 stopped; with --duration 0 if each bot received the other, else 1; 1 a port could not be opened.`

/** Options of the command; `duration` is in milliseconds. */
interface DemoFlags {
  credentials: boolean
  port?: number
  media?: string
  view: boolean
  quiet: boolean
  duration?: number
}

export function register(program: Command): void {
  program
    .command('demo')
    .description('run a node with two bots in a call, and show the call')
    .option('--credentials', 'print credentials for another user as JSON: of the running demo, or of a new one', false)
    .option('-p, --port <port>', 'TCP port (default: 8443, or a free one)', port)
    .option('-m, --media <address>', 'address for voice packets (default: 127.0.0.1)', address)
    .option('--no-view', 'print addresses and events instead of the view')
    .option('-q, --quiet', 'print only credentials and errors', false)
    .option('-d, --duration <time>', 'stop after this long, such as 10s', duration)
    .addHelpText('after', HELP)
    .action((flags: DemoFlags) => runCommand(() => demo(flags)))
}

function port(text: string): number {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : Infinity
  if (number > 65_535) throw new InvalidArgumentError('Expected a port from 0 to 65535.')
  return number
}

function address(text: string): string {
  if (isIP(text) === 0) throw new InvalidArgumentError('Expected an IP address of this machine.')
  return text
}

/** With `--credentials` a demo that is running answers; without one, or without an answer, a new demo starts. */
async function demo(flags: DemoFlags): Promise<void> {
  const running = flags.credentials ? findRunningDemo() : undefined
  const credentials = running && (await askDemo(running))
  if (credentials === undefined) await run(flags)
  else print(credentials)
}

/**
 * Shows the call until a signal, the end of the time, or a bot that cannot continue. With credentials, standard output
 * holds them alone.
 */
async function run({ credentials, port, media, view, quiet, duration: time }: DemoFlags): Promise<void> {
  const stop = untilStopped(time)
  const output = credentials ? process.stderr : process.stdout
  // The reader of the output has closed it.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', stop.now)
  let screen: Screen | undefined
  let failure: string | undefined
  const onEvent = (event: CallEvent) => {
    screen?.event(event)
    if (event.kind !== 'failed') return
    failure = sentence(event)
    stop.now()
  }
  const opened = await Demo.open({ port, media, onEvent, logSink: { write: line => process.stderr.write(line) } })
  try {
    if (credentials) print(await opened.invite())
    if (!quiet) output.write(introduction(opened, media))
    if (!quiet) screen = openScreen(output, () => opened.call.snapshot, view && processEnvironment().TERM !== 'dumb')
    await Promise.race([opened.call.start(), stop.asked])
    if ((await stop.asked) === 'time' && !opened.call.haveAllReceived) failure = 'the bots did not receive each other'
  } finally {
    stop.now()
    screen?.close()
    await opened.close()
  }
  if (failure === undefined) return
  process.stderr.write(`parley: ${failure}\n`)
  process.exitCode = 1
}

/** Indented on a terminal, one line elsewhere. */
function print(credentials: Credentials): void {
  process.stdout.write(`${JSON.stringify(credentials, undefined, process.stdout.isTTY === true ? 2 : undefined)}\n`)
}

/** What is printed before the view: where everything listens, and how to join. */
const introduction = (
  { server, ca }: Demo,
  media = '127.0.0.1',
) => `Parley demo: a node and two bots in a call, in this process, reachable from this machine only.

  in a browser   ${server.playgroundUrl}
  voice gateway  ${server.url}
  LVSP           ${server.lvspUrl}
  voice packets  UDP port ${server.mediaPort} of ${media}
  certificate    ${ca}

  To join:       npx -p @parley/server parley demo --credentials   in another terminal; then see "Join with a bot" in README.md
  To stop:       Ctrl-C

`
