// docs/operating.md: its tables of settings, metrics, note events and limits, from the code that holds them.
import { LIMITS, NOTE_CONTEXT, NOTES, type NoteTable, SLOT } from '@parley/core'
import { z } from 'zod'
import { CLUSTER_ROUTES } from '../../packages/server/src/admin/cluster-routes.ts'
import { type AdminRoute, LOG_ROUTE } from '../../packages/server/src/admin/route.ts'
import { ADMIN_ROUTES } from '../../packages/server/src/admin/routes.ts'
import { CLUSTER_COMMANDS } from '../../packages/server/src/cli/admin/cluster-commands.ts'
import { ADMIN_COMMANDS, type AdminCommand } from '../../packages/server/src/cli/admin/commands.ts'
import { FRONT_METRICS } from '../../packages/server/src/cluster/front/front-metrics.ts'
import { SECTIONS, SETTINGS, type Setting } from '../../packages/server/src/config/schema.ts'
import { variableOf } from '../../packages/server/src/config/sources.ts'
import { CHECKS } from '../../packages/server/src/doctor/doctor.ts'
import { SERVER_LIMITS } from '../../packages/server/src/limits.ts'
import type { Metric } from '../../packages/server/src/monitoring/metric.ts'
import { METRICS } from '../../packages/server/src/monitoring/metrics.ts'
import { SERVER_NOTES } from '../../packages/server/src/monitoring/notes.ts'
import { DROP_MEANINGS } from './drop-meanings.ts'
import { type Section, table } from './page.ts'

const PAGE = 'docs/operating.md'
const CLUSTER_PAGE = 'docs/cluster.md'

const written = ({ fallback }: Setting) => (fallback === undefined ? '' : `\`${JSON.stringify(fallback)}\``)

function settingsOf(section: string): string {
  const settings = [...SETTINGS.values()].filter(({ key }) => key.startsWith(`${section}.`))
  const rows = settings.map(setting => [
    `\`${setting.key.slice(section.length + 1)}\``,
    written(setting),
    `${setting.description} Expected: ${setting.expected}.${setting.isReloaded ? '' : ' †'}`,
  ])
  const header = section === 'backend' ? '[[backend]]' : `[${section}]`
  const variable = variableOf(settings[0]!.key)
  return `### \`${header}\`\n\nIn the environment: \`${variable}\` and so on.\n\n${table(['Key', 'Default', 'What it does'], rows)}`
}

const metrics = (of: readonly Pick<Metric, 'name' | 'kind' | 'labels' | 'help'>[]) =>
  table(
    ['Metric', 'Kind', 'Labels', 'What it says'],
    of.map(({ name, kind, labels, help }) => [
      `\`${name}\``,
      kind,
      labels.map(label => `\`${label}\``).join(', '),
      help,
    ]),
  )

const CONTEXT: Readonly<Record<string, Readonly<Record<string, string>>>> = NOTE_CONTEXT
const fieldsOf = (event: string, fields: object) =>
  Object.keys({ ...CONTEXT[event.split('.')[0]!], ...fields })
    .map(name => `\`${name}\``)
    .join(', ')

function notes(): string {
  const all: NoteTable = { ...SERVER_NOTES, ...NOTES }
  const rows = Object.entries(all)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([event, { level, fields, meaning }]) => [`\`${event}\``, level, fieldsOf(event, fields), meaning])
  return table(['Event', 'Level', 'Fields', 'Meaning'], rows)
}

const code = (text: string) => `\`${text}\``

const commands = (of: readonly AdminCommand[]) =>
  table(
    ['Command', 'Options', 'What it does', 'Example'],
    of.map(({ usage, options, summary, example }) => [
      code(usage),
      options.map(([flags, meaning]) => `${code(flags)} ${meaning}`).join('; '),
      summary,
      code(example),
    ]),
  )

interface RequestSchema {
  properties?: Record<string, { description?: string; enum?: string[]; type?: string }>
  required?: string[]
}

function requestOf(schema: z.ZodType): string {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input' }) as RequestSchema
  return Object.entries(properties)
    .map(([name, { description, enum: values, type }]) => {
      const meaning = description ?? values?.join(', ') ?? type ?? ''
      return `${code(name)}${required.includes(name) ? '' : ' (optional)'}: ${meaning}`
    })
    .join('; ')
}

const answerFields = (schema: z.ZodType) => {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input' }) as RequestSchema
  return Object.keys(properties).map(code).join(', ')
}

const routes = (of: readonly Omit<AdminRoute, 'run'>[]) =>
  table(
    ['Route', 'Request', 'Answer', 'What it does'],
    [...of, { ...LOG_ROUTE, answer: z.object({}) }].map(({ method, path, request, answer, summary }) => [
      code(`${method} ${path}`),
      requestOf(request),
      answerFields(answer),
      summary,
    ]),
  )

const drops = () =>
  table(
    ['Cause', 'Dropped because', 'Points to'],
    Object.entries(DROP_MEANINGS).map(([cause, [meaning, points]]) => [code(cause), meaning, points]),
  )

const checks = () =>
  table(
    ['Check', 'All is well if'],
    CHECKS.map(({ name, summary }) => [code(name), summary]),
  )

const seconds = (ms: number) => `${ms / 1_000} s`
const kibibytes = (bytes: number) => `${bytes / 1024} KiB`
const mebibytes = (bytes: number) => `${bytes / 1024 / 1024} MiB`

const limits = () =>
  table(
    ['What', 'Limit', 'Then'],
    [
      ['TCP connections per listener', String(SERVER_LIMITS.maxConnections), 'closed at once'],
      ['… that are not a WebSocket yet', String(SERVER_LIMITS.maxHalfOpen), 'the oldest is closed'],
      [
        '… of one address (IPv6: /64)',
        String(SERVER_LIMITS.maxHalfOpenPerAddress),
        'closed at once; not behind a proxy',
      ],
      [
        'from the first byte of an ICE-TCP connection to its first check',
        seconds(SERVER_LIMITS.iceTcpFirstFrame),
        'closed',
      ],
      ['ICE-TCP connections of one client', String(SERVER_LIMITS.maxIceTcpPerSession), 'the oldest is closed'],
      [
        'unread bytes for a client of ICE-TCP',
        kibibytes(SERVER_LIMITS.maxIceTcpVideoBuffered),
        'video is dropped, above the double all',
      ],
      ['from the connection to the end of the HTTP headers', seconds(SERVER_LIMITS.headersTimeout), 'closed'],
      ['voice connections of one address (IPv6: /64)', String(LIMITS.connectionsPerAddress), 'HTTP 429'],
      ['… that have not identified', String(LIMITS.greetingsPerAddress), 'close code 4021'],
      ['from the connection to Identify or Resume', seconds(LIMITS.identifyTimeout), 'close code 4009'],
      ['LVSP connections of one backend', String(LIMITS.lvspConnectionsPerBackend), 'its oldest is closed'],
      [
        '… of its fronts',
        String(LIMITS.lvspFrontsPerBackend),
        'the session that waits longest for RESUME is ended; without one close code 4000',
      ],
      [
        'LVSP connections that have not identified',
        String(LIMITS.lvspUnidentified),
        'the oldest of the busiest address is closed',
      ],
      ['… of one address (IPv6: /64)', String(LIMITS.lvspUnidentifiedPerAddress), 'its oldest is closed'],
      ['a message before Identify', kibibytes(LIMITS.greetingMessage), 'close code 4002'],
      ['messages before Identify', String(LIMITS.greetingMessages), 'close code 4021, on LVSP 4000'],
      ['bytes before Identify', kibibytes(SERVER_LIMITS.maxUnidentifiedBytes), 'close code 1009'],
      ['a JSON message', kibibytes(LIMITS.jsonMessage), 'close code 4002'],
      ['any WebSocket message', kibibytes(LIMITS.binaryMessage), 'close code 1009'],
      ['messages of a voice client per minute', String(LIMITS.commandsPerWindow), 'close code 4021'],
      ['messages of a backend per second', String(LIMITS.lvspInfosPerSecond), 'its connection is read more slowly'],
      ['unread bytes for a voice client', mebibytes(SERVER_LIMITS.maxGatewayBuffered), 'disconnected; it may resume'],
      ['unread bytes for a backend', mebibytes(SERVER_LIMITS.maxLvspBuffered), 'disconnected; it may resume'],
      [
        'silence of a backend’s connection',
        `${SERVER_LIMITS.maxMissedPings} pings, ${seconds(SERVER_LIMITS.lvspPingInterval)} apart`,
        'disconnected',
      ],
      ['channels of one backend', '`max_channels`', 'refused'],
      ['voice states of one backend', '`max_voice_states`', 'refused'],
      [
        'messages that wait until RESUME or SYNC of their LVSP connection is done',
        mebibytes(LIMITS.lvspWaitingBytes),
        'close code 4000',
      ],
      [
        '… of all connections of one backend',
        `${mebibytes(LIMITS.lvspWaitingBytes)}, and the room in \`max_memory_mb\`; 64 KiB of each connection in any case`,
        'close code 4000',
      ],
      ['memory of one backend', '`max_memory_mb`', 'refused; sessions keep fewer messages for Resume'],
      ['voice states in one channel', String(LIMITS.voiceStatesPerChannel), 'refused'],
      [
        'WebRTC clients of a lane whose first packets wait for ops 5 and 12',
        String(LIMITS.holdingWebrtcPeers),
        'the oldest of the backend with the most are dropped for another backend, otherwise the new ones',
      ],
      ['… of one address (IPv6: /64)', String(LIMITS.holdingWebrtcPeersPerAddress), 'the new ones are dropped'],
      [
        'video packets that a lane keeps to send them again',
        `${LIMITS.cachedPacketsPerLane}, ${Math.round((LIMITS.cachedPacketsPerLane * SLOT) / 1024 / 1024)} MiB`,
        'the oldest of the backend with the most are removed',
      ],
    ],
  )

export const operatingSections: readonly Section[] = [
  { file: PAGE, marker: 'settings', render: () => SECTIONS.map(settingsOf).join('\n\n') },
  { file: PAGE, marker: 'checks', render: checks },
  { file: PAGE, marker: 'drops', render: drops },
  { file: PAGE, marker: 'admin commands', render: () => commands(ADMIN_COMMANDS) },
  { file: PAGE, marker: 'admin routes', render: () => routes(ADMIN_ROUTES) },
  { file: CLUSTER_PAGE, marker: 'front metrics', render: () => metrics(FRONT_METRICS) },
  { file: CLUSTER_PAGE, marker: 'cluster commands', render: () => commands(CLUSTER_COMMANDS) },
  { file: CLUSTER_PAGE, marker: 'cluster routes', render: () => routes(CLUSTER_ROUTES) },
  { file: PAGE, marker: 'metrics', render: () => metrics(METRICS) },
  { file: PAGE, marker: 'notes', render: notes },
  { file: PAGE, marker: 'limits', render: limits },
]
