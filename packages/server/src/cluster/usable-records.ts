// Records of nodes come from other processes, perhaps of another version: one that names no address that can be connected to is dropped with
// a reason, as one that cannot be decoded is. It costs its own node, and neither this process nor the records behind it.
import type { NodeRecord } from '@parley/protocol'
import { isWebSocketUrl } from '../config/values.ts'
import { reasonOf } from '../monitoring/notes.ts'
import type { ClusterListener } from './coordinator.ts'

/** Passes on what another listener can use. An exception of that listener at a record is a reason too. */
export const usableRecords = (listener: ClusterListener): ClusterListener => ({
  nodeAnnounced: record => {
    const fault = unusable(record) ?? faultAt(() => listener.nodeAnnounced(record))
    if (fault !== undefined) listener.malformed(`node ${record.id}: ${fault}`)
  },
  nodeWithdrawn: id => listener.nodeWithdrawn(id),
  loadReported: report => listener.loadReported(report),
  availabilityChanged: isAvailable => listener.availabilityChanged(isAvailable),
  malformed: reason => listener.malformed(reason),
})

function unusable({ lvsp, gateway, endpoint }: NodeRecord): string | undefined {
  if (!isWebSocketUrl(lvsp)) return 'lvsp is not a URL of a WebSocket'
  if (gateway !== undefined && !isWebSocketUrl(gateway)) return 'gateway is not a URL of a WebSocket'
  return isWebSocketUrl(`wss://${endpoint}`) ? undefined : 'endpoint is not host or host:port'
}

function faultAt(act: () => void): string | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    return reasonOf(error)
  }
}
