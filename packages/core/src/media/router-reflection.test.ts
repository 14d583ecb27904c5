// What a datagram with a forged source can make a lane send there: little, and not often.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeDiscoveryRequest, encodeReceiverReport, encodeRtp, encodeStunRequest } from '@parley/protocol'
import { LIMITS } from '../limits.ts'
import { checkOf, PlainLane, sealed, ssrcOf } from '../testing/plain-lane.ts'

const VICTIM = '203.0.113.77 50123'
const VICTIM_IPV6 = '2001:db8::77 50123'
/** An ICE response may be longer than a short check: its mapped address replaces a user name. */
const FEW_BYTES = 12
const SECONDS = 3

const unsealed = encodeRtp({
  payloadType: 120,
  sequence: 1,
  timestamp: 2,
  ssrc: ssrcOf(1),
  payload: new Uint8Array(100),
})
const wrongCheck = encodeStunRequest(
  { transaction: new Uint8Array(12), username: 'node2:cli2', useCandidate: true },
  new Uint8Array(24),
  (_key, _bytes, _length) => new Uint8Array(20),
)

/** Everything that a sender without a key of its own can have: requests, recorded packets and checks, and arbitrary bytes. */
const DATAGRAMS: Record<string, Uint8Array> = {
  discovery: encodeDiscoveryRequest(ssrcOf(1)),
  'discovery of an unknown member': encodeDiscoveryRequest(7),
  ping: Uint8Array.of(0x13, 0x37, 0xca, 0xfe, 0, 0, 0, 1),
  keepalive: Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0),
  'recorded check': checkOf(2),
  'forged check': wrongCheck,
  'recorded packet': sealed(1, unsealed),
  'forged packet': unsealed,
  'forged report': encodeReceiverReport(ssrcOf(1), []),
  'DTLS ClientHello': Uint8Array.from({ length: 200 }, (_, index) => (index === 0 ? 22 : index)),
  'arbitrary bytes': Uint8Array.from({ length: 60 }, (_, index) => index * 7),
}

function makeLane(): PlainLane {
  const lane = new PlainLane()
  lane.connectNative(1)
  lane.connectWebrtcPeer(2, { payloadTypes: [], extensions: {} })
  lane.io.take()
  return lane
}

for (const [name, datagram] of Object.entries(DATAGRAMS))
  test(`a reply is not longer than its request by more than a few bytes: ${name}`, () => {
    for (const from of [VICTIM, VICTIM_IPV6]) {
      const sent = makeLane().receive(from, datagram)
      assert.ok(sent.length <= 1)
      for (const { bytes } of sent) assert.ok(bytes.length <= datagram.length + FEW_BYTES, `${bytes.length} bytes`)
    }
  })

test('replies to one address are limited per second, whatever it sends', () => {
  const lane = makeLane()
  let replies = 0
  for (let second = 0; second < SECONDS; second++) {
    for (let round = 0; round < 100; round++)
      for (const datagram of Object.values(DATAGRAMS)) replies += lane.receive(VICTIM, datagram).length
    lane.wait(1_000)
  }
  assert.ok(replies > 0)
  assert.ok(replies <= SECONDS * (LIMITS.discoveriesPerSecond + LIMITS.checksPerSecond), `${replies} replies`)
})
