// Fuzz: what any client or stranger can send to a process that relays: the header of a hop, and a first message.
import assert from 'node:assert/strict'
import { encodeRecord, OwnerQuestion } from '@parley/protocol'
import { backendPing, readBackendPing } from '../../packages/server/src/net/frames.ts'
import { Hops, readHop } from '../../packages/server/src/relay/hop.ts'
import { readSought } from '../../packages/server/src/relay/sought.ts'
import { ownerIn } from '../../packages/server/src/relay/token-owner.ts'
import { fuzz } from './harness.ts'

const SECRET = 'a secret that the fuzzer does not know'
const OWNER = { id: 'n2', boot: '2'.repeat(32) }
const hops = new Hops(OWNER, [SECRET])
const relay = new Hops({ id: 'n1', boot: '1'.repeat(32) }, ['another secret of the same length!!!!'])
const HEADERS = ['203.0.113.9', '2001:db8::5', 'unreadable'].map(address => relay.sign(address, OWNER))

fuzz('the header of a relayed connection', {
  covers: ['server/relay/hop.ts'],
  corpus: HEADERS.map(header => Buffer.from(header)),
  run(bytes) {
    const text = Buffer.from(bytes).toString('latin1')
    const hop = readHop(text)
    assert.equal(hops.accept(text).ok, false, 'a header that is not signed with the secret')
    if (hop !== undefined) assert.equal(hop.mac.length, 32)
  },
})

const identify = { server_id: '41771983423143937', user_id: '1001', session_id: 's', token: 'n1.abc' }
const MESSAGES = [
  { op: 0, d: identify },
  { op: 0, d: { ...identify, channel_id: '5', max_dave_protocol_version: 1 } },
  { op: 7, d: { server_id: '41771983423143937', session_id: 's', token: 'n1.abc', seq_ack: 4 } },
  { op: 3, d: { t: 1, seq_ack: 1 } },
]

fuzz('the first message of a client', {
  covers: ['server/relay/sought.ts'],
  corpus: MESSAGES.map(message => Buffer.from(JSON.stringify(message))),
  run(bytes) {
    const sought = readSought(Buffer.from(bytes).toString('utf8'))
    if (sought === undefined) return
    assert.deepEqual(OwnerQuestion.parse(JSON.parse(encodeRecord(sought.question))), sought.question)
    assert.ok((sought.question.user === undefined) !== (sought.question.session === undefined))
    assert.ok(!encodeRecord(sought.question).includes(`"${sought.token}"`) || sought.token === sought.question.session)
    ownerIn(sought.token)
  },
})

fuzz('the ping of a node', {
  covers: ['server/net/frames.ts'],
  corpus: ['parley-backend main', 'parley-backend ', ''].map(text => Buffer.from(text)),
  run(bytes) {
    const backend = readBackendPing(bytes)
    if (backend !== undefined) assert.equal(backendPing(backend), Buffer.from(bytes).toString('latin1'))
  },
})
