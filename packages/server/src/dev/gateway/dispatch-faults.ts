// Faults of the dispatches that lead a client to its voice endpoint.
import type { FaultName } from '../faults/fault-table.ts'
import type { UserFaults } from '../faults/user-faults.ts'

/** Sends a dispatch on, possibly later or twice. */
export type Deliver = (event: string, data: object) => void
type Fields = Record<string, unknown>

/** A port of loopback without a server: TCP port 1, which needs privileges to listen. */
const NO_SERVER = '127.0.0.1:1'

/** Delivers a dispatch to a session of the user as its faults allow. `isOwn`: it is about the user of the session. */
export function deliverFaulty(faults: UserFaults, event: string, data: object, isOwn: boolean, deliver: Deliver): void {
  if (faults.isEmpty || !isOwn) return deliver(event, data)
  if (event === 'VOICE_STATE_UPDATE') return voiceState(faults, event, data, deliver)
  if (event === 'VOICE_SERVER_UPDATE') return voiceServer(faults, event, data as Fields, deliver)
  deliver(event, data)
}

/** The user's own VOICE_STATE_UPDATE: lost or late. */
function voiceState(faults: UserFaults, event: string, data: object, deliver: Deliver): void {
  if (faults.value('voice-state-lost') !== undefined) return
  after(faults.value('late-voice-state'), () => deliver(event, data))
}

/** VOICE_SERVER_UPDATE: lost, late, twice, or with a wrong endpoint or token. */
function voiceServer(faults: UserFaults, event: string, data: Fields, deliver: Deliver): void {
  if (faults.value('server-update-lost') !== undefined) return
  const has = (name: FaultName) => faults.value(name) !== undefined
  const wire = {
    ...data,
    ...(has('wrong-endpoint') && typeof data.endpoint === 'string' && { endpoint: NO_SERVER }),
    ...(has('wrong-token') && { token: 'a-token-that-the-node-refuses' }),
  }
  after(faults.value('late-server-update'), () => {
    deliver(event, wire)
    if (has('server-update-twice')) deliver(event, wire)
  })
}

function after(delay: number | undefined, act: () => void): void {
  if (delay === undefined) return act()
  // The process may end before.
  setTimeout(act, delay).unref()
}
