// From an offer to a protected peer, with a scripted DTLS handshake.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SrtpProfile } from '@parley/protocol'
import type { Crypto } from '../../crypto.ts'
import { Deadlines } from '../../deadlines.ts'
import type { LaneCommand } from '../../lane/commands.ts'
import { LIMITS } from '../../limits.ts'
import type { DtlsAssociation, DtlsState } from './dtls.ts'
import { Handshakes } from './handshakes.ts'
import { readOffer } from './offer.ts'
import { WebrtcTransport } from './webrtc-transport.ts'

const SDP = [
  'a=ice-ufrag:Xw3k',
  'a=ice-pwd:0123456789abcdefghijklmn',
  `a=fingerprint:sha-256 ${Array.from({ length: 32 }, () => 'AB').join(':')}`,
].join('\n')

const ORIGIN = { backend: 'chat', remoteAddress: '192.0.2.1' }

class Scripted implements DtlsAssociation {
  state: DtlsState = { kind: 'handshaking' }
  deadline = 1_200
  isClosed = false
  readonly received: Uint8Array[] = []
  ticks: number[] = []
  out: Uint8Array[] = []
  receive(datagram: Uint8Array): void {
    this.received.push(datagram)
  }
  tick(now: number): void {
    this.ticks.push(now)
    this.deadline = now + 400
  }
  takeDatagrams(): Uint8Array[] {
    return this.out.splice(0)
  }
  close(): void {
    this.isClosed = true
    this.out.push(Uint8Array.of(21))
  }
}

function scene() {
  const association = new Scripted()
  const commands: LaneCommand[] = []
  const reasons: string[] = []
  const accepted: string[] = []
  const deadlines = new Deadlines()
  let byte = 0
  const crypto = { randomBytes: (size: number) => Uint8Array.from({ length: size }, () => byte++) } as Crypto
  const handshakes = new Handshakes()
  const dtls = {
    fingerprint: 'sha-256 01:02',
    accept: ({ algorithm, bytes }: { algorithm: string; bytes: Uint8Array }) => {
      accepted.push(`${algorithm} ${bytes.length}`)
      return association
    },
  }
  const offer = readOffer({ protocol: 'webrtc', data: SDP })
  const transport = new WebrtcTransport(
    offer,
    { dtls, handshakes, deadlines, crypto },
    {
      origin: ORIGIN,
      peer: 7,
      ip: '203.0.113.10',
      port: 50_004,
      rids: [],
      send: command => commands.push(command),
      closed: reason => reasons.push(reason),
    },
  )
  const answer = transport.open(offer)
  const take = () => commands.splice(0)
  return { answer, association, accepted, deadlines, handshakes, reasons, transport, take }
}

test('answer and lane receive the same new ICE credentials', () => {
  const { answer, take } = scene()
  const [command] = take()
  assert.ok(command?.kind === 'addWebrtcPeer')
  const { localUfrag, remoteUfrag, password } = command.ice
  assert.equal(localUfrag, 'ABCDEFGH')
  assert.equal(remoteUfrag, 'Xw3k')
  assert.equal(password.length, 24)
  assert.match(answer, /^a=ice-ufrag:ABCDEFGH$/m)
  assert.ok(answer.includes(`a=ice-pwd:${String.fromCharCode(...password)}\n`))
  assert.match(answer, /^a=fingerprint:sha-256 01:02$/m)
  assert.match(answer, /^a=candidate:1 1 UDP 4261412862 203\.0\.113\.10 50004 typ host$/m)
})

test('no DTLS association exists before the first datagram', () => {
  const { transport, accepted, deadlines } = scene()
  assert.deepEqual([accepted, deadlines.size, transport.deadline], [[], 0, Infinity])
  assert.equal(transport.inspect().state, 'waiting')
})

test('datagrams are passed to the handshake, its flights to the lane, and its deadline is scheduled', () => {
  const { transport, association, accepted, deadlines, take } = scene()
  take()
  association.out = [Uint8Array.of(22, 1), Uint8Array.of(22, 2)]
  transport.datagramArrived(Uint8Array.of(22, 9), 1_000)
  assert.deepEqual(accepted, ['sha-256 32'])
  assert.deepEqual(take(), [
    { kind: 'sendDatagram', peer: 7, bytes: Uint8Array.of(22, 1) },
    { kind: 'sendDatagram', peer: 7, bytes: Uint8Array.of(22, 2) },
  ])
  assert.equal(deadlines.next, 1_200)
  deadlines.tick(1_200)
  assert.deepEqual(association.ticks, [1_200])
  assert.equal(deadlines.next, 1_600)
})

test('the lane receives the key before the last flight', () => {
  const { transport, association, take } = scene()
  transport.datagramArrived(Uint8Array.of(22), 1_000)
  take()
  const material = new Uint8Array(56).fill(3)
  association.state = { kind: 'connected', profile: SrtpProfile.AeadAes128Gcm, material }
  association.out = [Uint8Array.of(20)]
  transport.datagramArrived(Uint8Array.of(22), 1_010)
  const [protect, flight, ...rest] = take()
  assert.deepEqual(protect, {
    ...{ kind: 'protectPeer', peer: 7, protection: SrtpProfile.AeadAes128Gcm, key: material, nonceStart: 0 },
  })
  assert.equal(flight?.kind, 'sendDatagram')
  assert.equal(rest.length, 0)
  transport.datagramArrived(Uint8Array.of(22), 1_020)
  assert.deepEqual(take(), [])
  assert.deepEqual(transport.inspect(), { kind: 'webrtc', state: 'connected', profile: SrtpProfile.AeadAes128Gcm })
})

test('an association that ends removes the WebRTC peer from the lane once, after its last datagram', () => {
  const { transport, association, reasons, deadlines, take } = scene()
  transport.datagramArrived(Uint8Array.of(22), 1_000)
  take()
  association.state = { kind: 'closed', reason: 'another certificate' }
  association.out = [Uint8Array.of(21)]
  transport.datagramArrived(Uint8Array.of(22), 1_010)
  assert.deepEqual(
    take().map(({ kind }) => kind),
    ['sendDatagram', 'removeWebrtcPeer'],
  )
  assert.deepEqual([reasons, deadlines.size], [['another certificate'], 0])
  transport.datagramArrived(Uint8Array.of(22), 1_020)
  assert.equal(association.received.length, 2)
  assert.deepEqual(take(), [])
})

test('a datagram above the handshake limit is dropped, and a retransmission is tried again', () => {
  const { transport, accepted, deadlines, handshakes } = scene()
  const others = Array.from({ length: LIMITS.handshakesPerAddress }, () => ({
    origin: ORIGIN,
    giveUp: () => undefined,
  }))
  for (const other of others) handshakes.add(other)
  transport.datagramArrived(Uint8Array.of(22), 1_000)
  assert.deepEqual([accepted.length, deadlines.size], [0, 0])
  handshakes.remove(others[0]!)
  transport.datagramArrived(Uint8Array.of(22), 1_400)
  assert.equal(accepted.length, 1)
})

test('a handshake counts until it completes, fails, is closed or makes room for another', () => {
  const material = new Uint8Array(56)
  const endings: ((running: ReturnType<typeof scene>) => void)[] = [
    ({ association }) => (association.state = { kind: 'connected', profile: SrtpProfile.AeadAes128Gcm, material }),
    ({ association }) => (association.state = { kind: 'closed', reason: 'another certificate' }),
    ({ transport }) => transport.close(),
    ({ transport }) => transport.giveUp('too many'),
  ]
  for (const end of endings) {
    const running = scene()
    running.transport.datagramArrived(Uint8Array.of(22), 1_000)
    assert.equal(running.handshakes.size, 1)
    end(running)
    running.transport.datagramArrived(Uint8Array.of(22), 1_010)
    assert.equal(running.handshakes.size, 0)
  }
})

test('a handshake that makes room for another ends as a failed one does', () => {
  const { transport, association, reasons, deadlines, take } = scene()
  transport.datagramArrived(Uint8Array.of(22), 1_000)
  take()
  transport.giveUp('too many handshakes in progress')
  assert.ok(association.isClosed)
  assert.deepEqual(
    take().map(({ kind }) => kind),
    ['sendDatagram', 'removeWebrtcPeer'],
  )
  assert.deepEqual([reasons, deadlines.size], [['too many handshakes in progress'], 0])
})

test('a closed transport sends a close alert and leaves no deadline', () => {
  const { transport, association, deadlines, take } = scene()
  transport.datagramArrived(Uint8Array.of(22), 1_000)
  take()
  transport.close()
  assert.ok(association.isClosed)
  assert.deepEqual(take(), [{ kind: 'sendDatagram', peer: 7, bytes: Uint8Array.of(21) }])
  assert.equal(deadlines.size, 0)
  transport.datagramArrived(Uint8Array.of(22), 1_010)
  assert.equal(association.received.length, 1)
})
