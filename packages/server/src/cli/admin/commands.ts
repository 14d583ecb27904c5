// The commands that talk to a running node: one table that the program registers and docs/operating.md lists.
import type { Alarm } from '../../admin/alarms.ts'
import type { ReloadReport } from '../../admin/reload-report.ts'
import type { BanView, ChannelView, Status, UserView } from '../../admin/views.ts'
import { SERVER_LIMITS } from '../../limits.ts'
import { prettyLine } from '../../monitoring/log.ts'
import type { AdminClient } from './admin-client.ts'
import { age, textTable } from './text-table.ts'
import { fitted, stateOf, type TopSample, topLines } from './top.ts'

/** Where a command writes; on a terminal `top` draws in place. */
export interface CommandOutput {
  write(text: string): unknown
  isTTY?: boolean
  rows?: number
  columns?: number
}

/** One call of a command: its argument, its options by their long names, and its surroundings. */
export interface CommandCall {
  /** Of the arguments in `usage`. */
  readonly argument: string | undefined
  readonly options: Readonly<Record<string, string | boolean | undefined>>
  readonly output: CommandOutput
  /** Resolves when a command that runs until it is stopped has to end. */
  readonly stopped: Promise<unknown>
}

export interface AdminCommand {
  /** Name and argument, as commander writes them. */
  readonly usage: string
  readonly summary: string
  /** Flags and their meaning, besides those of all commands. */
  readonly options: readonly (readonly [flags: string, meaning: string])[]
  /** A call with every option, for the documentation and its test. */
  readonly example: string
  run(client: AdminClient, call: CommandCall): Promise<void>
}

const ONLY_CHANNEL = ['--channel <id>', 'only in this channel'] as const
const ONLY_BACKEND = ['--backend <id>', 'only of this backend'] as const

const print = (output: CommandOutput, lines: readonly string[]) => output.write(`${lines.join('\n')}\n`)
const asJson = (answer: unknown) => [JSON.stringify(answer, undefined, 2)]

/** An answer of `listOf` in routes.ts. */
export interface List<Item> {
  total: number
  items: Item[]
}

/** A command that reads one answer and prints it, as JSON with `--json`. */
export function show(
  description: Omit<AdminCommand, 'run'>,
  path: string,
  query: (call: CommandCall) => object,
  text: (answer: never) => readonly string[],
): AdminCommand {
  return {
    ...description,
    run: async (client, call) => {
      const answer = await client.get(path, query(call))
      print(call.output, call.options.json === true ? asJson(answer) : text(answer as never))
    },
  }
}

/** A command that changes something. */
export function control(
  description: Omit<AdminCommand, 'run'>,
  path: string,
  body: (call: CommandCall) => object,
  text: (answer: never, call: CommandCall) => readonly string[],
): AdminCommand {
  return {
    ...description,
    run: async (client, call) => {
      const answer = await client.post(path, body(call))
      print(call.output, call.options.json === true ? asJson(answer) : text(answer as never, call))
    },
  }
}

/** The selector of the user commands. */
const selection = ({ argument, options }: CommandCall) => ({
  user: argument,
  channel: options.channel,
  backend: options.backend,
})

const changed =
  (what: string) =>
  (answer: { voice_states: number }, { argument }: CommandCall) => [
    `${what} user ${argument} in ${answer.voice_states} ${answer.voice_states === 1 ? 'channel' : 'channels'}`,
  ]

function statusLines(status: Status): string[] {
  return [
    `parley ${status.version}, process ${status.pid}, up ${age(status.uptime)}${status.draining ? ', draining' : ''}`,
    `endpoint ${status.endpoint}   engine ${status.engine}   log level ${status.log_level}`,
    `health ${status.health.toFixed(2)}   ${status.sessions} sessions   ${status.channels} channels   ${status.connections} connections`,
    '',
    ...textTable(
      ['BACKEND', 'CONNECTED', 'CHANNELS', 'VOICE STATES', 'SESSIONS', 'MEMORY'],
      status.backends.map(each => [
        each.backend,
        each.connected ? 'yes' : 'no',
        each.channels,
        each.voice_states,
        each.sessions,
        `${(each.memory / 1024 / 1024).toFixed(1)} MiB`,
      ]),
    ),
  ]
}

const channelLines = ({ items }: List<ChannelView>) =>
  textTable(
    ['BACKEND', 'GUILD', 'CHANNEL', 'KIND', 'LANES', 'VOICE STATES', 'PRESENT', 'DAVE'],
    items.map(each => [
      each.backend,
      each.guild ?? '-',
      each.channel,
      each.kind,
      each.lanes.map(({ lane }) => lane).join(' '),
      each.voice_states,
      each.present.length,
      each.dave === 0 ? 'no' : `v${each.dave}`,
    ]),
  )

const userLines = ({ items }: List<UserView>) =>
  textTable(
    ['BACKEND', 'CHANNEL', 'USER', 'STATE', 'TRANSPORT', 'VERSION', 'AGE', 'ADDRESS'],
    items.map(each => [
      each.backend,
      each.channel,
      each.user,
      stateOf(each),
      each.transport,
      each.version,
      age(each.age),
      each.address,
    ]),
  )

const alarmLines = ({ items }: List<Alarm>) =>
  items.length === 0 ? ['no alarms'] : items.map(({ severity, text }) => `${severity}: ${text}`)

function reportLines({ applied, restart, warnings, certificate }: ReloadReport): string[] {
  return [
    `applied: ${applied.join(', ') || 'nothing changed'}`,
    ...(restart.length === 0 ? [] : [`needs a restart: ${restart.join(', ')}`]),
    ...warnings.map(warning => `warning: ${warning}`),
    ...(certificate === undefined
      ? []
      : [`certificate: ${certificate.names.join(', ')}, by ${certificate.issuer}, until ${certificate.until}`]),
  ]
}

/** Prints lines until it is stopped, or `--count` were printed. */
async function tail(client: AdminClient, { options, output, stopped }: CommandCall): Promise<void> {
  let left = options.count === undefined ? Number.POSITIVE_INFINITY : Number(options.count)
  const lines = client.lines('/v1/log', { level: options.level, event: options.event })[Symbol.asyncIterator]()
  const ended = stopped.then(() => undefined)
  while (left-- > 0) {
    const next = await Promise.race([lines.next(), ended])
    if (next === undefined || next.done === true) break
    output.write(options.json === true ? `${next.value}\n` : prettyLine(next.value))
  }
  await lines.return?.(undefined)
}

/** Draws a view per interval. Rates need two samples, so that the first view has none. */
async function top(client: AdminClient, { options, output, stopped }: CommandCall): Promise<void> {
  let left = options.count === undefined ? Number.POSITIVE_INFINITY : Number(options.count)
  let before: TopSample | undefined
  let isStopped = false
  const ended = stopped.then(() => {
    isStopped = true
  })
  while (!isStopped && left-- > 0) {
    const status = (await client.get('/v1/status')) as Status
    const { items: users } = (await client.get('/v1/users', { limit: 1_000 })) as List<UserView>
    const now = { status, users, at: performance.now() }
    draw(output, topLines(now, before))
    before = now
    if (left > 0) await Promise.race([pause(SERVER_LIMITS.topInterval), ended])
  }
}

const pause = (ms: number) => new Promise<void>(resolve => void setTimeout(resolve, ms))

/** On a terminal in place; elsewhere one view after the other. */
function draw(output: CommandOutput, lines: readonly string[]): void {
  if (output.isTTY !== true) return void print(output, lines)
  output.write(
    `\x1b[H${fitted(lines, output)
      .map(line => `${line}\x1b[K\n`)
      .join('')}\x1b[J`,
  )
}

/** The rows in the order of the documentation. */
export const ADMIN_COMMANDS: readonly AdminCommand[] = [
  show(
    { usage: 'ps', summary: 'Version, load and backends of the node.', options: [], example: 'parley ps' },
    '/v1/status',
    () => ({}),
    statusLines,
  ),
  show(
    {
      usage: 'channels',
      summary: 'Channels.',
      options: [ONLY_CHANNEL, ONLY_BACKEND, ['--user <id>', 'only channels with this user']],
      example: 'parley channels --user 7',
    },
    '/v1/channels',
    ({ options: { channel, backend, user } }) => ({ channel, backend, user }),
    channelLines,
  ),
  show(
    {
      usage: 'users',
      summary: 'Voice sessions.',
      options: [ONLY_CHANNEL, ONLY_BACKEND, ['--user <id>', 'only this user']],
      example: 'parley users --channel 500',
    },
    '/v1/users',
    ({ options: { channel, backend, user } }) => ({ channel, backend, user }),
    userLines,
  ),
  show(
    { usage: 'alarms', summary: 'Active alarms.', options: [], example: 'parley alarms' },
    '/v1/alarms',
    () => ({}),
    alarmLines,
  ),
  show(
    {
      usage: 'inspect',
      summary: 'The complete state without secrets, as JSON.',
      options: [],
      example: 'parley inspect',
    },
    '/v1/inspect',
    () => ({}),
    asJson,
  ),
  show(
    { usage: 'stats', summary: 'The metrics.', options: [], example: 'parley stats' },
    '/v1/stats',
    () => ({}),
    ({ text }: { text: string }) => text.trimEnd().split('\n'),
  ),
  {
    usage: 'top',
    summary: 'Load, lanes and users, once a second until Ctrl-C.',
    options: [['--count <n>', 'stop after this many views']],
    example: 'parley top --count 2',
    run: top,
  },
  {
    usage: 'tail',
    summary: 'Log lines from now on, whatever the level of the log, until Ctrl-C.',
    options: [
      ['--level <level>', 'the lowest level (default: info)'],
      ['--event <prefix>', 'only events that begin with this'],
      ['--count <n>', 'stop after this many lines'],
    ],
    example: 'parley tail --level debug --event admin. --count 1',
    run: tail,
  },
  control(
    {
      usage: 'mute <user>',
      summary: 'Mutes a user until its voice state ends.',
      options: [ONLY_CHANNEL, ONLY_BACKEND, ['--off', 'lift the mute']],
      example: 'parley mute 7 --channel 500',
    },
    '/v1/mute',
    call => ({ ...selection(call), muted: call.options.off !== true }),
    (answer, call) => changed(call.options.off === true ? 'unmuted' : 'muted')(answer, call),
  ),
  control(
    {
      usage: 'kick <user>',
      summary: 'Disconnects a user; its token is not accepted until the backend admits it again.',
      options: [ONLY_CHANNEL, ONLY_BACKEND],
      example: 'parley kick 7 --channel 500 --backend main',
    },
    '/v1/kick',
    selection,
    changed('disconnected'),
  ),
  show(
    {
      usage: 'bans',
      summary: 'Addresses whose new voice connections are closed.',
      options: [],
      example: 'parley bans',
    },
    '/v1/bans',
    () => ({}),
    ({ items }: List<BanView>) =>
      textTable(
        ['ADDRESS', 'BY', 'LEFT'],
        items.map(({ address, by, left }) => [address, by, age(left)]),
      ),
  ),
  control(
    {
      usage: 'ban <address>',
      summary: 'Bans an address, in IPv6 its /64, from new voice connections.',
      options: [['--for <time>', 'how long (default: 24h)']],
      example: 'parley ban 198.51.100.7 --for 1h',
    },
    '/v1/ban',
    ({ argument, options }) => ({ address: argument, duration: options.for }),
    (_, { argument }) => [`banned ${argument}`],
  ),
  control(
    {
      usage: 'unban <address>',
      summary: 'Lifts a ban.',
      options: [],
      example: 'parley unban 198.51.100.7',
    },
    '/v1/unban',
    ({ argument }) => ({ address: argument }),
    (_, { argument }) => [`lifted the ban of ${argument}`],
  ),
  control(
    {
      usage: 'drain',
      summary: 'Refuses new channels and lets calls end; the process stays.',
      options: [['--timeout <time>', 'when the remaining sessions are closed (default: voice.drain_timeout)']],
      example: 'parley drain --timeout 1h',
    },
    '/v1/drain',
    ({ options }) => ({ timeout: options.timeout }),
    ({ sessions }: { sessions: number }) => [`draining; ${sessions} sessions have not ended yet`],
  ),
  control(
    {
      usage: 'undrain',
      summary: 'Stops draining; the node accepts channels again.',
      options: [],
      example: 'parley undrain',
    },
    '/v1/undrain',
    () => ({}),
    () => ['the node accepts channels again'],
  ),
  control(
    {
      usage: 'reload',
      summary: 'Reads the configuration and the certificate again.',
      options: [],
      example: 'parley reload',
    },
    '/v1/reload',
    () => ({}),
    reportLines,
  ),
  control(
    {
      usage: 'log-level <level>',
      summary: 'Changes the level of the log until the next start or reload.',
      options: [],
      example: 'parley log-level debug',
    },
    '/v1/log-level',
    ({ argument }) => ({ level: argument }),
    ({ before }: { before: string }, { argument }) => [`the log level is ${argument}; it was ${before}`],
  ),
]
