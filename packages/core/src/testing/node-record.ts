// Records of cluster nodes, for tests.
import type { NodeRecord } from '@parley/protocol'

export const BOOT = '0123456789abcdef'

/** A node that serves; `changes` is what the test is about. */
export const nodeRecord = (id: string, changes: Partial<NodeRecord> = {}): NodeRecord => ({
  schema: 1,
  id,
  boot: BOOT,
  state: 'serving',
  region: 'eu',
  version: '1.2.3',
  lvsp: `ws://127.0.0.1:9000/${id}`,
  endpoint: `${id}.example.org`,
  sessions: 100,
  ...changes,
})
