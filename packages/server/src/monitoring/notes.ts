// Note events of the server, beside those of the core: level, fields, meaning. docs/operating.md lists both tables.
import { type Note, type NoteFields, type NoteName, type NoteTable, noteOf } from '@parley/core'

/** The events by name. Same form as `NOTES` of the core; a new row needs `npm run docs`. */
export const SERVER_NOTES = {
  'node.started': {
    level: 'info',
    fields: { version: 'text', endpoint: 'text', mediaPort: 'number' },
    meaning: 'All ports are open.',
  },
  'node.handed_over': {
    level: 'info',
    fields: {},
    meaning: 'A successor on this machine takes over the TCP ports; this process exits with its last call.',
  },
  'node.stopped': { level: 'info', fields: {}, meaning: 'All ports are closed; the process exits.' },
  'config.warning': {
    level: 'warn',
    fields: { warning: 'text' },
    meaning:
      'A setting works but is weak or unknown: a short or readable secret, a `PARLEY_` variable without a setting.',
  },
  'node.close_incomplete': {
    level: 'error',
    fields: { timeout: 'number' },
    meaning: 'Some ports or threads did not close within `timeout` milliseconds; the process exits without them.',
  },
  'front.started': {
    level: 'info',
    fields: { version: 'text', lvsp: 'text' },
    meaning: 'A front of a cluster accepts backends.',
  },
  'cluster.connected': { level: 'info', fields: {}, meaning: 'The connection to NATS is established.' },
  'cluster.disconnected': {
    level: 'warn',
    fields: {},
    meaning:
      'The connection to NATS is lost. Calls and new channels are not affected; channels are registered when it returns.',
  },
  'cluster.malformed': {
    level: 'warn',
    fields: { reason: 'text' },
    meaning:
      'A record in NATS is not one of this version of Parley. One of a later version stays as it is; a placement that none can read is replaced. At most ten lines a minute. Or a node names an address that cannot be connected to: it is ignored, with a line each time that it announces itself.',
  },
  'cluster.link_failed': {
    level: 'warn',
    fields: { node: 'text', backend: 'text', reason: 'text' },
    meaning:
      'A node refused a command of the front, or its secret: front and nodes need the same `[[backend]]` sections.',
  },
  'relay.failed': {
    level: 'warn',
    fields: { node: 'text', reason: 'text' },
    meaning:
      'A voice client that arrived here cannot be relayed to its node; one line for each node in ten seconds. HTTP status 403: the node has another `cluster.secret_file`, or was restarted, and NATS has not reported that yet.',
  },
  'relay.forged': {
    level: 'debug',
    fields: { reason: 'text' },
    meaning: 'A voice connection claims to be relayed, and its header is not one of this cluster; it was refused.',
  },
  'descriptors.exhausted': {
    level: 'error',
    fields: {},
    meaning:
      'No file descriptor is free, and the system closes new connections: raise the limit (`LimitNOFILE`, `ulimit -n`).',
  },
  'log.lines_lost': {
    level: 'warn',
    fields: { lines: 'number' },
    meaning: 'Standard output was not read, and `lines` lines before this one are lost.',
  },
  'lanes.started': {
    level: 'info',
    fields: { engine: 'text', aead: 'text', reason: 'text', lanes: 'number' },
    meaning: 'The packet engine in use, the library that seals and opens its packets, and why the engine was selected.',
  },
  'lane.missing': {
    level: 'error',
    fields: { lane: 'number', reason: 'text' },
    meaning: 'A crashed lane cannot be replaced yet; the node keeps trying.',
  },
  'media.no_ipv4': {
    level: 'warn',
    fields: {},
    meaning:
      'Clients receive no IPv4 address for their media, and most bot libraries have IPv4 sockets only: set `media.announce`.',
  },
  'media.public_address': {
    level: 'info',
    fields: { address: 'text' },
    meaning:
      'STUN servers of `media.stun` see the node at another address than before; clients receive it from now on.',
  },
  'media.stun_failed': {
    level: 'warn',
    fields: {},
    meaning: 'No server of `media.stun` answers. The last known address stays; the node asks again.',
  },
  'webrtc.unavailable': {
    level: 'info',
    fields: { reason: 'text' },
    meaning: 'Browsers cannot join, because this machine has no DTLS library that the node can use.',
  },
  'admin.action': {
    level: 'info',
    fields: { action: 'text', from: 'text', request: 'text', status: 'number', result: 'text' },
    meaning:
      'Audit: an operator used a control action of the admin API. `from` is `socket` or an address, `request` the body, `status` that of the answer.',
  },
  'admin.refused': {
    level: 'warn',
    fields: { from: 'text', reason: 'text' },
    meaning: 'A request to the admin listener carried no token or a wrong one, or its address sent too many of them.',
  },
  'config.reloaded': {
    level: 'info',
    fields: { applied: 'text', restart: 'text' },
    meaning:
      'The configuration was read again: `applied` lists the changed settings that are in effect now, `restart` those that need a restart.',
  },
  'config.reload_failed': {
    level: 'error',
    fields: { reason: 'text' },
    meaning: 'The configuration cannot be used; nothing was changed.',
  },
  'tls.reloaded': {
    level: 'info',
    fields: { names: 'text', issuer: 'text', from: 'text', until: 'text' },
    meaning: 'New connections use the certificate with these names and dates.',
  },
  'acme.failed': {
    level: 'error',
    fields: { reason: 'text', failures: 'number', retry: 'number' },
    meaning:
      'The certificate could not be obtained, or not be stored; the next attempt is in `retry` seconds. A certificate that is still valid stays in use.',
  },
  'connection.error': {
    level: 'debug',
    fields: { connection: 'number', protocol: 'text', reason: 'text' },
    meaning: 'A WebSocket failed: a broken frame, a reset by the peer.',
  },
  'connection.slow': {
    level: 'warn',
    fields: { connection: 'number', protocol: 'text', unread: 'number' },
    meaning: 'A peer left `unread` bytes unread, and its connection was destroyed.',
  },
  'connection.unresponsive': {
    level: 'warn',
    fields: { connection: 'number', protocol: 'text' },
    meaning: 'A backend did not answer WebSocket pings, and its connection was destroyed.',
  },
  'host.input_failed': {
    level: 'error',
    fields: { connection: 'number?', stack: 'text' },
    meaning: 'An input caused an internal error; its connection, if there is one, is closed. Please report it.',
  },
  'host.effect_failed': {
    level: 'error',
    fields: { effect: 'text', stack: 'text' },
    meaning: 'An output of the node could not be applied. Please report it.',
  },
} as const satisfies NoteTable

/** The name of an event of the server. */
export type ServerNoteName = keyof typeof SERVER_NOTES
/** What a log takes: notes of both tables. */
export type NodeNote = Note<NoteName | ServerNoteName>

/** A note of this table, for `Outputs.note`. */
export const serverNote = <Event extends ServerNoteName>(
  event: Event,
  fields: NoteFields<typeof SERVER_NOTES, Event>,
): Note<Event> => noteOf(SERVER_NOTES, event, fields)

/** What was thrown, as the reason in a note. */
export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
