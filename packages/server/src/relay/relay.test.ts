// A relay whose cluster fails it: the client is refused, and the process goes on.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { NodeRecord } from '@parley/protocol'
import { nodeRecord } from '../../../core/src/testing/node-record.ts'
import type { NodeNote } from '../monitoring/notes.ts'
import { Hops } from './hop.ts'
import { Owners, type OwnersOptions } from './owners.ts'
import { Relay } from './relay.ts'

const TRY_AGAIN = 1013

/** A client that identifies at a relay which knows one other node. */
async function identify({ record, token, ask }: { record: NodeRecord; token: string; ask?: OwnersOptions['ask'] }) {
  const notes: NodeNote[] = []
  const closed: number[] = []
  const owners = new Owners({ self: 'n1', ask: ask ?? (async () => undefined) })
  owners.announced(record)
  const relay = new Relay({
    inputs: { connectionOpened: () => {}, messageReceived: () => {}, connectionClosed: () => {} },
    holds: () => false,
    config: () => ({ backend: [], media: { announce: [] } }),
    note: note => void notes.push(note),
    hops: new Hops({ id: 'n1', boot: 'a'.repeat(32) }, ['the secret of the cluster in this test']),
    owners,
    ca: undefined,
  })
  relay.attach({ detach: () => undefined, close: (_id, code) => void closed.push(code) })
  relay.connectionOpened(1, {
    protocol: 'gateway',
    remoteAddress: '192.0.2.1',
    localAddress: '192.0.2.2',
    version: '8',
    relayedBy: undefined,
  } as Parameters<Relay['connectionOpened']>[1])
  const d = { server_id: '41', user_id: '7', session_id: 'abc', token }
  relay.messageReceived(1, JSON.stringify({ op: 0, d }))
  for (let turns = 0; turns < 20; turns++) await turn()
  return { closed, notes, failures: relay.failures }
}

test('a client whose node has an address that no WebSocket can be opened at is refused', async () => {
  for (const gateway of ['wss://n2.internal:84430/', 'wss://n2.internal/#fragment']) {
    const seen = await identify({ record: nodeRecord('n2', { gateway }), token: 'n2.token' })
    assert.deepEqual([seen.closed, seen.failures], [[TRY_AGAIN], 1], gateway)
    const [note] = seen.notes
    assert.deepEqual([note?.event, note?.fields?.node], ['relay.failed', 'n2'])
  }
})

test('a client is refused if the question for its node fails', async () => {
  const ask = async () => {
    throw new Error('the question failed')
  }
  const { closed, notes } = await identify({ record: nodeRecord('n2'), token: 'token', ask })
  assert.deepEqual(closed, [TRY_AGAIN])
  assert.equal(notes[0]?.fields?.reason, 'the question failed')
})
