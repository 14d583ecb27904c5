// Spacebar's event bus as the bridge sees it: one interface for its transports.
import { type BusEvent, decodeEvent, mayConcernVoice } from '../core/events.ts'
import type { Published } from '../core/outputs.ts'

/** Called by a bus; must not throw. */
export interface BusListener {
  /** An event that concerns voice. */
  event(event: BusEvent): void
  /** Events may have been missed until now. */
  opened(): void
  /** The connection was lost, or an input was not understood. The bus tries again by itself. */
  lost(reason: string): void
}

export interface Bus {
  /** Publishes an event to a user. Events are dropped while Spacebar cannot be reached. */
  publish(userId: string, published: Published): void
  /** Messages received, of any kind. */
  readonly received: number
  close(): Promise<void>
}

/** As Spacebar's processes read it from their bus. */
export const envelopeOf = (userId: string, { event, data }: Published) => ({ event, data, user_id: userId })

/** The event in a message of the bus; undefined for all that do not concern voice. Nothing of these is kept. */
export function readMessage(text: string, envelopeIn: (message: unknown) => unknown): BusEvent | undefined {
  if (!mayConcernVoice(text)) return undefined
  let message: unknown
  try {
    message = JSON.parse(text)
  } catch {
    return undefined
  }
  return decodeEvent(envelopeIn(message))
}
