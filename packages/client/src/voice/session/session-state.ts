// The states of a voice client's session, each with what it alone owns.
import type { Heartbeat } from './heartbeat.ts'
import type { VoiceDescription, VoiceReady } from './outputs.ts'

/** What a resume restores. */
export interface Joined {
  readonly ready: VoiceReady
  readonly description: VoiceDescription
}

/** How a connection enters: the failure of the first is the caller's to know, later ones are retried. */
export type Entrance = { kind: 'first' } | { kind: 'identify' } | { kind: 'resume'; joined: Joined }

export type State =
  | { kind: 'idle' }
  | { kind: 'connecting'; entrance: Entrance; by: number }
  | { kind: 'entering'; entrance: Entrance; by: number; heartbeat: Heartbeat | undefined }
  | { kind: 'selecting'; entrance: Entrance; by: number; heartbeat: Heartbeat | undefined; ready: VoiceReady }
  | { kind: 'live'; joined: Joined; heartbeat: Heartbeat | undefined; since: number }
  | { kind: 'waiting'; entrance: Entrance; until: number }
  | { kind: 'closed' }

/** When a session in this state wants to be ticked. */
export function deadlineOf(state: State): number {
  switch (state.kind) {
    case 'idle':
    case 'closed':
      return Infinity
    case 'connecting':
      return state.by
    case 'entering':
    case 'selecting':
      return Math.min(state.by, state.heartbeat?.deadline ?? Infinity)
    case 'live':
      return state.heartbeat?.deadline ?? Infinity
    case 'waiting':
      return state.until
  }
}
