// Note events: everything that the core reports to the log, with level, fields and meaning. docs/operating.md lists this table.
// The level belongs to the event, not to the caller, so that the table is complete. The server's own events are in its
// monitoring/notes.ts, as a second table of the same kind.

/**
 * `error`: a fault of Parley. `warn`: the operator should look. `info`: the life of sessions and backends. `debug`:
 * details of a call.
 */
export type NoteLevel = 'debug' | 'info' | 'warn' | 'error'

/** The types of fields, by their name in the table. */
interface FieldTypes {
  text: string
  number: number
  /** Absent where it does not apply. */
  'text?': string | undefined
  'number?': number | undefined
}
type FieldKind = keyof FieldTypes

/** One row: its level, its fields by name, and one sentence for the operator. */
export interface NoteDescription {
  readonly level: NoteLevel
  readonly fields: Readonly<Record<string, FieldKind>>
  readonly meaning: string
}
export type NoteTable = Readonly<Record<string, NoteDescription>>

/** Names of the fields whose kind ends in `?`. */
type OptionalOf<Fields> = { [Name in keyof Fields]: Fields[Name] extends `${string}?` ? Name : never }[keyof Fields]
type TypeOf<Kind> = Kind extends FieldKind ? FieldTypes[Kind] : never
/** The values that a note of this event carries. */
export type NoteFields<Table extends NoteTable, Event extends keyof Table> = {
  readonly [Name in Exclude<keyof Table[Event]['fields'], OptionalOf<Table[Event]['fields']>>]: TypeOf<
    Table[Event]['fields'][Name]
  >
} & { readonly [Name in OptionalOf<Table[Event]['fields']>]?: TypeOf<Table[Event]['fields'][Name]> }

/** One occurrence of an event. `fields` hold ids, numbers and reasons, never a secret. */
export interface Note<Event extends string = string> {
  readonly level: NoteLevel
  readonly event: Event
  readonly fields?: Readonly<Record<string, string | number | undefined>> | undefined
}

/** A note of an event of the table; `context` holds the fields of its area. */
export const noteOf = <Table extends NoteTable, Event extends keyof Table & string>(
  table: Table,
  event: Event,
  fields: NoteFields<Table, Event>,
  context?: Note['fields'],
): Note<Event> => ({ level: table[event]!.level, event, fields: { ...context, ...fields } })

/** Fields that every note of an area carries, besides its own. */
export const NOTE_CONTEXT = {
  lvsp: { connection: 'number', address: 'text', backend: 'text?' },
  dave: { backend: 'text', channel: 'text', guild: 'text?' },
} as const satisfies Record<string, Readonly<Record<string, FieldKind>>>

/** Fields of every note about a voice session. `version` is its gateway version. */
const SESSION = { backend: 'text', channel: 'text', user: 'text', version: 'number' } as const

/** The events by name, `area.event`. docs/operating.md is generated from this table: a new row needs `npm run docs`. */
export const NOTES = {
  'cluster.node_changed': {
    level: 'info',
    fields: { node: 'text', state: 'text', region: 'text' },
    meaning: 'A node of the cluster joined, was restarted, returned, or changed its state.',
  },
  'cluster.node_lost': {
    level: 'warn',
    fields: { node: 'text', how: 'text' },
    meaning: 'A node of the cluster `died`, or `left` cleanly; its channels move to others.',
  },
  'cluster.fenced': {
    level: 'warn',
    fields: { backend: 'text', channel: 'text', epoch: 'number' },
    meaning:
      'The node was cut off from the cluster, and this channel was placed on another node with this epoch: it ended here (4014).',
  },
  'voice.connected': {
    level: 'info',
    fields: { ...SESSION, address: 'text', transport: 'text', took: 'number' },
    meaning: 'The media of a client is established, `took` milliseconds after Identify.',
  },
  'voice.detached': {
    level: 'info',
    fields: { ...SESSION, code: 'number' },
    meaning: 'A client lost its connection; its session waits for Resume.',
  },
  'voice.resumed': { level: 'info', fields: SESSION, meaning: 'A client resumed its session.' },
  'voice.over_bitrate': {
    level: 'warn',
    fields: { ...SESSION, overMember: 'number', overChannel: 'number' },
    meaning:
      'A client exceeded a bit rate limit. `overMember` and `overChannel` count its packets that were not forwarded since the previous such line, because of the limit of the member (`max_member_kbit`, `max_member_bitrate`) or of the channel (`max_channel_kbit`, `max_bitrate`). At most one line a minute for each client.',
  },
  'voice.disconnected': {
    level: 'info',
    fields: {
      ...SESSION,
      address: 'text',
      transport: 'text',
      code: 'number',
      reason: 'text',
      duration: 'number',
      packets: 'number',
      lost: 'number',
      loss: 'number',
      jitter: 'number',
      reportedLoss: 'number?',
      roundTrip: 'number?',
    },
    meaning:
      'A voice session ended after `duration` seconds. `packets` arrived from its client and `lost` did not, a share of `loss`; `jitter` is in milliseconds. Of what it received, its client reports the loss, and a browser the round trip in milliseconds; both are absent without a report.',
  },
  'gateway.closed': {
    level: 'info',
    fields: { connection: 'number', code: 'number', reason: 'text' },
    meaning: 'The node closed a voice connection because of what its client did or failed to do.',
  },
  'gateway.identify_refused': {
    level: 'warn',
    fields: { backend: 'text?', server: 'text', user: 'text', address: 'text', code: 'number' },
    meaning:
      'An Identify matched no voice state. Many for one backend mean that its voice states arrive late or not at all; many from one address mean that it is guessing tokens.',
  },
  'gateway.banned': {
    level: 'warn',
    fields: { address: 'text', refused: 'number', duration: 'number' },
    meaning: 'An address exceeded `voice.ban_after`: its connections are closed with 4021 for `duration` milliseconds.',
  },
  'gateway.no_route': {
    level: 'warn',
    fields: { user: 'text', lane: 'number' },
    meaning: 'A client reports that its UDP packets get no answer: a firewall or a wrong `media.announce`.',
  },
  'gateway.ignored_opcode': {
    level: 'debug',
    fields: { op: 'number' },
    meaning: 'A client sent an opcode that has no meaning for the node.',
  },
  'gateway.internal_error': {
    level: 'error',
    fields: { error: 'text', stack: 'text?' },
    meaning: 'A message of a voice client caused an internal error. Please report it.',
  },
  'webrtc.closed': {
    level: 'info',
    fields: { user: 'text', channel: 'text', reason: 'text' },
    meaning: 'The DTLS association of a WebRTC client ended.',
  },
  'lane.address_bound': {
    level: 'debug',
    fields: { lane: 'number', peer: 'number' },
    meaning: 'A client’s UDP address was bound, or has changed.',
  },
  'video.layer': {
    level: 'debug',
    fields: {
      backend: 'text',
      channel: 'text',
      user: 'text',
      source: 'number',
      wanted: 'number',
      target: 'number',
      current: 'number',
      reason: 'text?',
    },
    meaning:
      'A viewer is sent another layer of a source, or for another reason. Layers are numbered from the lowest, −1 is none; `source` is an SSRC.',
  },
  'lane.consent_lost': {
    level: 'info',
    fields: { lane: 'number', peer: 'number' },
    meaning: 'A WebRTC client no longer answers ICE checks; media to it is paused.',
  },
  'lane.lost': {
    level: 'error',
    fields: { lane: 'number', reason: 'text' },
    meaning: 'A lane crashed or did not respond; the sessions on it are closed with 4015. Please report the reason.',
  },
  'lane.replaced': {
    level: 'warn',
    fields: { lane: 'number', port: 'number' },
    meaning: 'Another lane runs in place of a crashed one.',
  },
  'node.draining': {
    level: 'info',
    fields: { sessions: 'number', timeout: 'number' },
    meaning: 'The node takes no new calls; after `timeout` milliseconds it closes the sessions that remain.',
  },
  'node.undrained': {
    level: 'info',
    fields: {},
    meaning: 'The operator stopped draining; the node accepts calls again.',
  },
  'lvsp.identified': {
    level: 'info',
    fields: { secret: 'number', dialect: 'text' },
    meaning: 'A backend authenticated; `secret` says with which of its secrets, counted from 1.',
  },
  'lvsp.resumed': {
    level: 'info',
    fields: { secret: 'number?', dialect: 'text', resumed: 'text' },
    meaning: 'A backend resumed its session.',
  },
  'lvsp.disconnected': { level: 'info', fields: { code: 'number' }, meaning: 'A backend’s connection was lost.' },
  'lvsp.closed': {
    level: 'info',
    fields: { code: 'number', reason: 'text' },
    meaning: 'The node closed an LVSP connection.',
  },
  'lvsp.superseded': {
    level: 'warn',
    fields: { by: 'number' },
    meaning:
      'Another connection of the same backend receives the answers and events from now on. Two processes of a backend need two secrets.',
  },
  'lvsp.unidentified_closed': {
    level: 'debug',
    fields: { code: 'number', reason: 'text' },
    meaning: 'The node closed an LVSP connection that had not identified.',
  },
  'lvsp.authentication_failed': {
    level: 'warn',
    fields: { reason: 'text' },
    meaning: 'IDENTIFY or RESUME was malformed or carried a wrong token.',
  },
  'lvsp.refused': {
    level: 'warn',
    fields: { type: 'number', failure: 'number', why: 'text', unnoted: 'number?' },
    meaning: 'A command of a backend was refused; `unnoted` counts those before it that were not logged.',
  },
  'lvsp.ignored': {
    level: 'warn',
    fields: { why: 'text', unnoted: 'number?' },
    meaning: 'A message of a backend was ignored; `unnoted` counts those before it that were not logged.',
  },
  'lvsp.dialect_switched': {
    level: 'warn',
    fields: { hint: 'text' },
    meaning: 'A backend numbers info types as Litecord does, although its dialect is "spec".',
  },
  'lvsp.looks_like_litecord': {
    level: 'warn',
    fields: { hint: 'text' },
    meaning: 'A backend with dialect "spec" connects with the library that Litecord uses.',
  },
  'lvsp.internal_error': {
    level: 'error',
    fields: { message: 'text', stack: 'text?' },
    meaning: 'A message of a backend caused an internal error. Please report it.',
  },
  'dave.committed': {
    level: 'debug',
    fields: { version: 'number', epoch: 'number', members: 'number', duration: 'number', recipients: 'number' },
    meaning: 'A commit was accepted and announced.',
  },
  'dave.executed': {
    level: 'debug',
    fields: { version: 'number', epoch: 'number' },
    meaning: 'A transition was executed.',
  },
  'dave.commit_refused': {
    level: 'info',
    fields: { user: 'text', reason: 'text' },
    meaning: 'A member’s commit broke a rule.',
  },
  'dave.invalid': {
    level: 'info',
    fields: { user: 'text', transition: 'number', verdict: 'text' },
    meaning: 'A member could not use a commit or Welcome, and is removed and added again.',
  },
  'dave.recreated': {
    level: 'warn',
    fields: { reason: 'text', decision: 'text' },
    meaning: 'The group cannot continue and is replaced, as soon as the limits allow it.',
  },
  'dave.downgraded': {
    level: 'info',
    fields: { users: 'number' },
    meaning: 'The call continues without end-to-end encryption.',
  },
  'dave.upgraded': {
    level: 'info',
    fields: { users: 'number' },
    meaning: 'The call changes to end-to-end encryption.',
  },
  'dave.incapable': {
    level: 'info',
    fields: { user: 'text' },
    meaning: 'A client that claims DAVE did not send its key package.',
  },
} as const satisfies NoteTable

/** The name of an event of the core. */
export type NoteName = keyof typeof NOTES
/** Reports events of `NOTES` whose context is known to the callee. */
export type WriteNote = <Event extends NoteName>(event: Event, fields: NoteFields<typeof NOTES, Event>) => void
