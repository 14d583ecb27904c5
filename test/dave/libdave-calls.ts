// Calls in which half of the users have Discord's libdave (C++, mlspp) and the others davey (Rust, OpenMLS).
import { libdave, reasonToSkip } from '../e2e/foreign-tools.ts'
import type { CallClient } from './call-client.ts'
import { CHANNEL, DaveyCall } from './davey-call.ts'
import { DaveyClient } from './davey-client.ts'
import { ForeignClient } from './foreign-client.ts'
import { LineProcess } from './line-process.ts'

/** Users with even ids have libdave. `skip` is the reason if libdave is unavailable; `close` ends its process. */
export function libdaveCalls() {
  const tool = libdave()
  const skip = reasonToSkip(tool)
  const library = 'command' in tool ? new LineProcess(tool.command) : undefined
  const make = (userId: string, claimedVersion: number): CallClient =>
    library !== undefined && claimedVersion > 0 && Number(userId) % 2 === 0
      ? new ForeignClient(library, userId, CHANNEL)
      : new DaveyClient(userId, CHANNEL, claimedVersion)
  return { skip, newCall: () => new DaveyCall<CallClient>({}, make), close: () => library?.close() }
}
