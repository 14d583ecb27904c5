// Records of a cluster for tests of coordinators, and a listener that keeps what it received.
import type { LoadReport, NodeRecord } from '@parley/protocol'
import { BOOT } from '../../packages/core/src/testing/node-record.ts'
import type { ClusterListener } from '../../packages/server/src/cluster/coordinator.ts'

export const loadReport = (id: string, load: number): LoadReport => ({
  schema: 1,
  id,
  boot: BOOT,
  load,
  sessions: 3,
  channels: 1,
})

export class Recorder implements ClusterListener {
  readonly nodes = new Map<string, NodeRecord>()
  readonly loads = new Map<string, number>()
  readonly malformedReasons: string[] = []
  /** Every change of availability, oldest first. */
  readonly availability: boolean[] = []

  nodeAnnounced(record: NodeRecord) {
    this.nodes.set(record.id, record)
  }
  nodeWithdrawn(id: string) {
    this.nodes.delete(id)
  }
  loadReported(report: LoadReport) {
    this.loads.set(report.id, report.load)
  }
  availabilityChanged(isAvailable: boolean) {
    this.availability.push(isAvailable)
  }
  malformed(reason: string) {
    this.malformedReasons.push(reason)
  }
}
