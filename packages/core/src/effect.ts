// Effects: what the core asks of its host. The host applies them in order, after the input that caused them.
import type { LaneCommand, LaneId } from './lane/commands.ts'
import { NOTES, type Note, type NoteFields, type NoteName, noteOf } from './notes.ts'

/** One WebSocket, numbered by the host; never reused. */
export type ConnectionId = number

export type Effect =
  | { kind: 'send'; connection: ConnectionId; data: string | Uint8Array }
  | { kind: 'close'; connection: ConnectionId; code: number; reason: string }
  /** The connection has authenticated, as or for this backend: bounds for unidentified connections no longer apply to it. */
  | { kind: 'authenticated'; connection: ConnectionId; backend: string }
  | { kind: 'lane'; lane: LaneId; command: LaneCommand }
  | { kind: 'note'; note: Note<NoteName> }

/** A close frame holds 123 bytes of reason (RFC 6455 §5.5); the reason is cut there and reduced to printable ASCII. */
const closeReason = (reason: string) => reason.replace(/[^ -~]/g, '?').slice(0, 123)

/** The queue that the parts of a node fill and the host drains. */
export class Effects {
  #queue: Effect[] = []

  send(connection: ConnectionId, data: string | Uint8Array): void {
    this.#queue.push({ kind: 'send', connection, data })
  }
  close(connection: ConnectionId, code: number, reason: string): void {
    this.#queue.push({ kind: 'close', connection, code, reason: closeReason(reason) })
  }
  authenticated(connection: ConnectionId, backend: string): void {
    this.#queue.push({ kind: 'authenticated', connection, backend })
  }
  lane(lane: LaneId, command: LaneCommand): void {
    this.#queue.push({ kind: 'lane', lane, command })
  }
  /** `context` holds the fields that all notes of the event's area carry. */
  note<Event extends NoteName>(event: Event, fields: NoteFields<typeof NOTES, Event>, context?: Note['fields']): void {
    this.#queue.push({ kind: 'note', note: noteOf(NOTES, event, fields, context) })
  }
  /** All effects since the last call. */
  take(): Effect[] {
    const taken = this.#queue
    this.#queue = []
    return taken
  }
}
