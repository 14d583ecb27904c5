// Fuzz: records of a cluster, which any process with access to the coordinator can write.
import assert from 'node:assert/strict'
import {
  DecodeError,
  decodeRecord,
  encodeRecord,
  isLaterRecord,
  LoadReport,
  NodeOrder,
  NodeRecord,
  OwnerQuestion,
  PlacementRecord,
} from '@parley/protocol'
import type { ZodType } from 'zod'
import { fuzz } from './harness.ts'

type AnyRecord = NodeRecord | LoadReport | PlacementRecord | OwnerQuestion | NodeOrder
const SCHEMAS: ZodType<AnyRecord>[] = [NodeRecord, LoadReport, PlacementRecord, OwnerQuestion, NodeOrder]
const boot = '0123456789abcdef'
const records = [
  { schema: 1, id: 'n1', boot, state: 'serving', region: 'eu', version: '0.1.0', sessions: 9 },
  { schema: 1, id: 'n1', boot, load: 0.5, sessions: 3, channels: 1, epochs: { main: 4 } },
  { schema: 1, node: 'n1', epoch: 4 },
  { schema: 1, order: 'drain', deadline: 600_000 },
  { schema: 1, server: '41771983423143937', user: '1001', session: 's1' },
]

fuzz('a decoded cluster record encodes to one that decodes to the same', {
  covers: ['protocol/cluster/records.ts'],
  corpus: records
    .map(record => JSON.stringify({ lvsp: 'ws://a', endpoint: 'a:1', ...record }))
    .map(text => Uint8Array.from(Buffer.from(text, 'latin1'))),
  run(bytes) {
    const text = Buffer.from(bytes).toString('latin1')
    isLaterRecord(text)
    for (const schema of SCHEMAS) {
      try {
        const record = decodeRecord(schema, text)
        assert.deepEqual(decodeRecord(schema, encodeRecord(record)), record)
      } catch (error) {
        assert.ok(error instanceof DecodeError)
      }
    }
  },
})
