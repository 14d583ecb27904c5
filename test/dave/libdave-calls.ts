// Calls in which half of the users have Discord's libdave (C++, mlspp) and the others davey (Rust, OpenMLS).
import { libdave, reasonToSkip } from '../e2e/foreign-tools.ts'
import type { CallClient } from './call-client.ts'
import { CHANNEL, DaveyCall } from './davey-call.ts'
import { DaveyClient } from './davey-client.ts'
import { ForeignClient } from './foreign-client.ts'
import { LineProcess } from './line-process.ts'

type Make = (userId: string, claimedVersion: number) => CallClient

/**
 * Users with even ids have libdave, the others davey, or what `other` makes. `skip` is the reason if libdave is unavailable; `close`
 * ends its process.
 */
export function libdaveCalls(other: Make = (userId, version) => new DaveyClient(userId, CHANNEL, version)) {
  const tool = libdave()
  const skip = reasonToSkip(tool)
  const library = 'command' in tool ? new LineProcess(tool.command) : undefined
  const make: Make = (userId, claimedVersion) =>
    library !== undefined && claimedVersion > 0 && Number(userId) % 2 === 0
      ? new ForeignClient(library, userId, CHANNEL)
      : other(userId, claimedVersion)
  return { skip, newCall: () => new DaveyCall<CallClient>({}, make), close: () => library?.close() }
}
