// The states of a voice client session with the data of each.
import type { Heartbeat } from './heartbeat.ts'
import type { VoiceDescription, VoiceReady } from './voice-outputs.ts'

/** The negotiated session, which a resume restores. */
export interface Joined {
  readonly ready: VoiceReady
  readonly description: VoiceDescription
}

/** How a connection authenticates. A failure of the first is reported to the caller; later ones are retried. */
export type Entrance = { kind: 'first' } | { kind: 'identify' } | { kind: 'resume'; joined: Joined }

/**
 * `connecting`: the WebSocket opens. `entering`: Identify or Resume is sent. `selecting`: waits for Session Description. `live`:
 * media can flow. `waiting`: before a reconnect.
 */
export type VoiceSessionState = 'idle' | 'connecting' | 'entering' | 'selecting' | 'live' | 'waiting' | 'closed'

export type State =
  | { kind: 'idle' }
  | { kind: 'connecting'; entrance: Entrance; by: number }
  | { kind: 'entering'; entrance: Entrance; by: number; heartbeat: Heartbeat | undefined }
  | { kind: 'selecting'; entrance: Entrance; by: number; heartbeat: Heartbeat | undefined; ready: VoiceReady }
  | { kind: 'live'; joined: Joined; heartbeat: Heartbeat | undefined }
  | { kind: 'waiting'; entrance: Entrance; until: number }
  | { kind: 'closed'; code: number; reason: string }

/** When a session in this state is due for `tick`. */
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
