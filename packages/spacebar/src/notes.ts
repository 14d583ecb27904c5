// What the bridge logs: events with level and fields. docs/spacebar.md lists them. No note holds a token or a message of a user.

/** Events and their levels. `error` needs the operator, `warn` may pass by itself. */
export const BRIDGE_NOTES = {
  'bridge.ready': 'info',
  'bridge.stopped': 'info',
  'bridge.node_connected': 'info',
  'bridge.node_lost': 'warn',
  'bridge.node_rejected': 'error',
  'bridge.node_adopts_no_tokens': 'error',
  'bridge.node_refused': 'warn',
  'bridge.bus_opened': 'info',
  'bridge.bus_lost': 'warn',
  'bridge.database_opened': 'info',
  'bridge.database_lost': 'warn',
  'bridge.other_bridge': 'error',
  'bridge.internal_error': 'error',
  'bridge.reconciled': 'debug',
  'bridge.refused': 'warn',
  'bridge.unknown_endpoint': 'warn',
  'bridge.token_without_state': 'warn',
  'bridge.full': 'warn',
  'bridge.published': 'debug',
} as const

/** The name of an event of the bridge. */
export type BridgeNoteName = keyof typeof BRIDGE_NOTES

/** One occurrence. Fields are ids, numbers and reasons. */
export interface BridgeNote {
  level: 'debug' | 'info' | 'warn' | 'error'
  event: BridgeNoteName
  fields: Readonly<Record<string, string | number>>
}

/** A note with the level of its event. */
export const bridgeNote = (event: BridgeNoteName, fields: BridgeNote['fields'] = {}): BridgeNote => ({
  level: BRIDGE_NOTES[event],
  event,
  fields,
})
