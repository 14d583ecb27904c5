// The faults of a test server: name, parameter, meaning. Documentation, OpenAPI document and parser read this table.
import type { FaultRow } from './fault-row.ts'
import { CONNECTION_FAULTS } from './table/connection.ts'
import { DATAGRAM_FAULTS } from './table/datagrams.ts'
import { ENCRYPTION_FAULTS } from './table/encryption.ts'
import { GATEWAY_FAULTS } from './table/main-gateway.ts'
import { MEDIA_FAULTS } from './table/media.ts'
import { MESSAGE_FAULTS } from './table/messages.ts'

/** By where they act. */
export const FAULT_AREAS = {
  'the voice connection': CONNECTION_FAULTS,
  'messages of the voice gateway': MESSAGE_FAULTS,
  encryption: ENCRYPTION_FAULTS,
  datagrams: DATAGRAM_FAULTS,
  'received media': MEDIA_FAULTS,
  'the main gateway': GATEWAY_FAULTS,
} as const satisfies Record<string, Record<string, FaultRow>>

const ALL = {
  ...CONNECTION_FAULTS,
  ...MESSAGE_FAULTS,
  ...ENCRYPTION_FAULTS,
  ...DATAGRAM_FAULTS,
  ...MEDIA_FAULTS,
  ...GATEWAY_FAULTS,
}

/** The name of a fault, as it is written. */
export type FaultName = keyof typeof ALL
export const FAULTS: Readonly<Record<FaultName, FaultRow>> = ALL
export const isFaultName = (name: string): name is FaultName => Object.hasOwn(FAULTS, name)

/** Faults that act on messages, with their rules. */
export const MESSAGE_RULES = Object.entries(FAULTS).flatMap(([name, { message }]) =>
  message === undefined ? [] : [{ name: name as FaultName, ...message }],
)
