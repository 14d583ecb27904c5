// Reads what other processes wrote to the coordinator. Of what cannot be decoded it notifies some, not all: the same record may be looked
// up again and again, and any process can publish.
import type { Placed } from '@parley/core'
import { CLUSTER_SCHEMA, decodeRecord, isLaterRecord, PlacementRecord } from '@parley/protocol'
import { SERVER_LIMITS } from '../limits.ts'
import { reasonOf } from '../monitoring/notes.ts'

/** `unavailable`: a later version of Parley wrote the placement, and this one neither reads nor replaces it. */
export type Found = { readonly kind: 'taken'; readonly placed: Placed | undefined } | { readonly kind: 'unavailable' }

/** Stands for a placement that no version can read: every placement of the channel replaces it. */
const UNREADABLE: PlacementRecord = { schema: CLUSTER_SCHEMA, node: '', epoch: 0 }

export class RecordReader {
  readonly #malformed: (reason: string) => void
  readonly #clock: () => number
  #intervalEnd = -Infinity
  #notified = 0
  #omitted = 0

  /** `clock`: milliseconds, monotonic. */
  constructor(malformed: (reason: string) => void, clock = () => performance.now()) {
    this.#malformed = malformed
    this.#clock = clock
  }

  /** Undefined for a record that another version or program wrote. */
  decode<Record>(schema: Parameters<typeof decodeRecord<Record>>[0], text: string): Record | undefined {
    try {
      return decodeRecord(schema, text)
    } catch (error) {
      this.#notify(reasonOf(error))
      return undefined
    }
  }

  placement(text: string, revision: number): Found {
    const record = this.decode(PlacementRecord, text)
    if (record === undefined && isLaterRecord(text)) return { kind: 'unavailable' }
    return { kind: 'taken', placed: { record: record ?? UNREADABLE, revision } }
  }

  #notify(reason: string): void {
    const now = this.#clock()
    if (now >= this.#intervalEnd) {
      this.#intervalEnd = now + SERVER_LIMITS.malformedInterval
      this.#notified = 0
    }
    if (++this.#notified > SERVER_LIMITS.malformedNotes) return void this.#omitted++
    const omitted = this.#omitted === 0 ? '' : `; ${this.#omitted} more before this one`
    this.#omitted = 0
    this.#malformed(`${reason}${omitted}`)
  }
}
