// Calls in which every other user has libdave, Discord's own library (C++, mlspp), and the rest davey (Rust, OpenMLS).
import { libdave, reasonToSkip } from '../e2e/foreign-tools.ts'
import type { CallClient } from './call-client.ts'
import { CHANNEL, DaveyCall } from './davey-call.ts'
import { DaveyClient } from './davey-client.ts'
import { ForeignClient } from './foreign-client.ts'
import { LineProcess } from './line-process.ts'

/** Users with even numbers have libdave. `skip` says why there are no such calls, `close` ends what runs the library. */
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
