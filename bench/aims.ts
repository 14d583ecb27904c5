// What the fast lane is meant to reach, and what was found.
import type { MemberMemory } from './member-memory.ts'
import type { Row } from './rows.ts'

export interface Aim {
  aim: string
  wanted: string
  /** Undefined if this run did not measure it. */
  found: number | undefined
  isReached: boolean | undefined
}

const KILOBYTE = 1_000

export function aimsOf(rows: readonly Row[], memory: MemberMemory | undefined): Aim[] {
  const of = (id: string) => rows.find(row => row.id === id)
  const growth = rows.filter(({ id }) => id.startsWith('channels/'))
  const acks = rows.flatMap(({ load, engine, heartbeat }) =>
    load.endsWith('saturated') && engine === 'ffi' && heartbeat !== undefined ? [heartbeat.p99] : [],
  )
  return [
    aim('saturated, 100 members, to the floor', 1.2, of('members/100/ffi')?.ratio),
    aim('saturated, 10 members, to the floor', 1.35, of('members/10/ffi')?.ratio),
    aim('paced, to the portable engine', 0.45, of('paced/ffi')?.ratio),
    aim('XChaCha20, to AES-GCM', 1.35, of('mode/aead_xchacha20_poly1305_rtpsize/ffi')?.ratio),
    aim(`${growth.at(-1)?.load ?? 'many channels'}, to the fewest channels`, 1.15, growth.at(-1)?.ratio),
    aim('added latency, paced, median, ms', 0.2, milliseconds(of('paced/ffi')?.latency?.p50)),
    aim('answer to a heartbeat while saturated, p99, ms', 100, acks.length > 0 ? Math.max(...acks) : undefined),
    aim(`memory per member, ${memory?.members ?? 'many'} of them, kB`, 40, memory && memory.bytesPerMember / KILOBYTE),
  ]
}

const milliseconds = (microseconds: number | undefined) => microseconds && microseconds / 1_000

const aim = (name: string, limit: number, found: number | undefined): Aim => ({
  aim: name,
  wanted: `≤ ${limit}`,
  found,
  isReached: found === undefined ? undefined : found <= limit,
})
