// The contract of every packet engine, over real loopback sockets.
import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { ADDRESS_WORDS, type Batch, type PacketIo, type PeerId, readAddress, SLOT, writeAddress } from '@parley/core'
import { encodeReceiverReport, encodeRtp, SERVER_NONCES, VoiceMode } from '@parley/protocol'
import { addDatagram, makeBatch } from '../../packages/core/src/testing/plain-io.ts'
import { until } from '../e2e/until.ts'
import { hchacha20, referenceOpen } from './reference-cipher.ts'
import { HCHACHA20, KEY, VECTORS, type Vector } from './vectors.ts'

/** An engine with its own socket. */
export interface OpenEngine {
  readonly io: PacketIo
  readonly port: number
  close(): Promise<void>
}
/** Opens an engine that listens on all addresses, on any port, and calls `onBatch` for each wake-up. */
export type OpenEngineFactory = (onBatch: (batch: Batch) => void) => Promise<OpenEngine>

const MODES = Object.values(VoiceMode)
const CALM_TRAILER = 0x8000_0080
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const unhex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))
const isRtcp = (vector: Vector) => vector.name.startsWith('rtcp')
const opus = (sequence: number, size = 120) =>
  encodeRtp({
    payloadType: 120,
    sequence,
    timestamp: 960 * sequence,
    ssrc: 12345,
    payload: new Uint8Array(size).fill(7),
  })

/** A bound socket that records received datagrams. */
class Receiver {
  readonly #socket: Socket
  readonly #ip: string
  readonly received: Buffer[] = []

  private constructor(socket: Socket, ip: string) {
    this.#socket = socket
    this.#ip = ip
    socket.on('message', bytes => this.received.push(bytes))
  }

  static async open(context: TestContext, ip = '127.0.0.1'): Promise<Receiver> {
    const socket = createSocket(ip.includes(':') ? 'udp6' : 'udp4')
    context.after(() => void socket.close())
    socket.bind(0, ip)
    await once(socket, 'listening')
    return new Receiver(socket, ip)
  }

  get words(): Int32Array {
    const words = new Int32Array(ADDRESS_WORDS)
    assert.ok(writeAddress(words, 0, this.#ip, this.#socket.address().port))
    return words
  }
  get port(): number {
    return this.#socket.address().port
  }
  send(bytes: Uint8Array, port: number): void {
    this.#socket.send(bytes, port, this.#ip)
  }
  /** Waits for `count` datagrams and removes them. */
  async take(count: number): Promise<Buffer[]> {
    await until(`${count} datagrams`, () => this.received.length >= count)
    return this.received.splice(0)
  }
}

const batchOf = (...packets: Uint8Array[]): Batch => {
  const batch = makeBatch()
  for (const packet of packets) addDatagram(batch, packet, [0, 0, 0xffff, 1, 1])
  return batch
}
const slotOf = (batch: Batch, slot: number) => batch.bytes.slice(slot * SLOT, slot * SLOT + batch.lengths[slot]!)

/** Registers the suite for one engine. */
export function packetIoSuite(name: string, open: OpenEngineFactory): void {
  const engineTest = (sentence: string, run: (io: PacketIo, context: TestContext, engine: OpenEngine) => unknown) =>
    test(`${name}: ${sentence}`, async context => {
      const engine = await open(() => {})
      context.after(() => engine.close())
      await run(engine.io, context, engine)
    })
  /** Adds a peer whose packets go to a new receiver. */
  const join = async (
    io: PacketIo,
    context: TestContext,
    peer: PeerId,
    mode: VoiceMode,
    nonceStart = 0,
    ip?: string,
  ) => {
    const receiver = await Receiver.open(context, ip)
    io.addPeer(peer)
    io.protectPeer(peer, mode, KEY, nonceStart)
    io.setAddress(peer, receiver.words, 0)
    return receiver
  }
  const protect = (io: PacketIo, mode: VoiceMode) => {
    io.addPeer(1)
    io.protectPeer(1, mode, KEY, 0)
  }

  for (const vector of VECTORS)
    engineTest(`opens the published ${vector.mode} ${vector.name}, in any slot`, io => {
      protect(io, vector.mode)
      const batch = batchOf(new Uint8Array(9), unhex(vector.sealed))
      assert.ok(io.open(batch, 1, 1))
      assert.equal(hex(slotOf(batch, 1)), vector.plain)
    })

  for (const vector of VECTORS)
    engineTest(`seals the plaintext of ${vector.mode} ${vector.name} with a server nonce`, async (io, context) => {
      const receiver = await join(io, context, 1, vector.mode)
      const plain = unhex(vector.plain)
      if (isRtcp(vector)) {
        const isSent = io.sendRtcp(1, plain, plain.length)
        assert.equal(isSent, vector.mode !== VoiceMode.Xsalsa20Poly1305)
        if (!isSent) return
      } else assert.equal(io.forward(batchOf(plain), 0, Int32Array.of(1), 1, 0), 1)
      io.flush()
      const [sealed] = await receiver.take(1)
      assert.equal(hex(referenceOpen(vector.mode, KEY, sealed!)), vector.plain)
      assert.equal(sealed!.length, vector.sealed.length / 2)
      assertTrailer(vector, sealed!)
    })

  function assertTrailer(vector: Vector, sealed: Buffer): void {
    if (vector.mode === VoiceMode.Xsalsa20Poly1305) assert.equal(hex(sealed), vector.sealed)
    else if (vector.mode === VoiceMode.Xsalsa20Poly1305Suffix)
      assert.notEqual(hex(sealed.subarray(-24)), vector.sealed.slice(-48))
    else assert.equal(sealed.readUInt32BE(sealed.length - 4), CALM_TRAILER)
  }

  for (const vector of VECTORS.filter(each => !isRtcp(each)))
    engineTest(`rejects every change to an authenticated byte of ${vector.mode} ${vector.name}`, io => {
      protect(io, vector.mode)
      const isAead = vector.mode.startsWith('aead')
      const nonceInHeader = vector.mode === VoiceMode.Xsalsa20Poly1305
      const length = vector.sealed.length / 2
      for (let index = 0; index < length; index++) {
        const changed = unhex(vector.sealed)
        changed[index]! ^= index === 0 ? 0x40 : 0x01
        const isClear = index < 12
        const isRefused = isAead || nonceInHeader || !isClear
        // In this mode the first bytes of the extension are neither encrypted nor authenticated.
        const isLoose =
          vector.mode === VoiceMode.Xsalsa20Poly1305LiteRtpsize && index >= 12 && index < 16 && changed[0]! & 16
        if (!isLoose) assert.equal(io.open(batchOf(changed), 0, 1), !isRefused, `byte ${index}`)
      }
    })

  for (const mode of MODES)
    engineTest(`rejects every truncation and extension of a ${mode} packet, and another key`, io => {
      protect(io, mode)
      const sealed = unhex(VECTORS.find(vector => vector.mode === mode)!.sealed)
      for (let length = 0; length < sealed.length; length++)
        assert.equal(io.open(batchOf(sealed.subarray(0, length)), 0, 1), false, `${length} bytes`)
      assert.equal(io.open(batchOf(Uint8Array.from([...sealed, 0])), 0, 1), false)
      assert.ok(io.open(batchOf(sealed), 0, 1))
      io.protectPeer(1, mode, new Uint8Array(32), 0)
      assert.equal(io.open(batchOf(sealed), 0, 1), false)
    })

  engineTest('rejects datagrams longer than a slot, unknown peers and peers without a key', io => {
    const sealed = unhex(VECTORS[0]!.sealed)
    assert.equal(io.open(batchOf(sealed), 0, 9), false)
    io.addPeer(1)
    assert.equal(io.open(batchOf(sealed), 0, 1), false)
    io.protectPeer(1, VoiceMode.AeadAes256GcmRtpsize, KEY, 0)
    assert.equal(io.open(batchOf(new Uint8Array(SLOT + 1).fill(0x80)), 0, 1), false)
    io.removePeer(1)
    assert.equal(io.open(batchOf(sealed), 0, 1), false)
  })

  engineTest('seals one packet for members of all modes in one call, but not for its sender', async (io, context) => {
    const receivers = await Promise.all(MODES.map((mode, index) => join(io, context, index + 1, mode)))
    const extension = { profile: 0xbede, elements: Uint8Array.of(0x10, 0xb2, 0x90, 4) }
    const plain = encodeRtp({
      payloadType: 120,
      sequence: 1,
      timestamp: 2,
      ssrc: 3,
      payload: Uint8Array.of(4),
      extension,
    })
    const targets = Int32Array.of(1, 2, 3, 4, 5, 6, 7, 99, 1)
    assert.equal(io.forward(batchOf(plain), 0, targets, 7, 4), 6)
    io.flush()
    for (const [index, receiver] of receivers.entries()) {
      if (index === 3) continue
      const [sealed] = await receiver.take(1)
      assert.equal(hex(referenceOpen(MODES[index]!, KEY, sealed!)), hex(plain), MODES[index])
    }
    assert.equal(receivers[3]!.received.length, 0)
    assert.equal(io.sent.packets, 6)
  })

  engineTest('seals many copies of different packets in one flush', async (io, context) => {
    const receivers = await Promise.all(MODES.map((mode, index) => join(io, context, index + 1, mode)))
    const packets = Array.from({ length: 60 }, (_, index) => opus(index, 1 + index * 17))
    const batch = batchOf(...packets)
    for (let slot = 0; slot < packets.length; slot++) io.forward(batch, slot, Int32Array.of(1, 2, 3, 4, 5, 6, 7), 7, 0)
    io.flush()
    for (const [index, receiver] of receivers.entries()) {
      const opened = (await receiver.take(packets.length)).map(sealed => hex(referenceOpen(MODES[index]!, KEY, sealed)))
      assert.deepEqual(opened, packets.map(hex), MODES[index])
    }
  })

  for (const mode of MODES.filter(each => each.includes('lite') || each.startsWith('aead')))
    engineTest(
      `uses each server nonce once in ${mode}, outside the range of client nonces, then stops`,
      async (io, context) => {
        const receiver = await join(io, context, 1, mode, SERVER_NONCES - 3)
        const send = () => io.forward(batchOf(opus(1)), 0, Int32Array.of(1), 1, 0)
        const report = encodeReceiverReport(1, [])
        assert.deepEqual(
          [send(), Number(io.sendRtcp(1, report, report.length)), send(), send(), send()],
          [1, 1, 1, 0, 0],
        )
        io.flush()
        const trailers = (await receiver.take(3)).map(sealed => sealed.subarray(-4))
        assert.deepEqual(trailers.map(hex), ['fffffffd', 'fffffffe', 'ffffffff'])
        for (const trailer of trailers)
          assert.ok(trailer.readUInt32BE() >= 2 ** 31 && trailer.readUInt32LE() >= 2 ** 31)
        assert.deepEqual(io.takeExhausted(), [1])
        assert.deepEqual(io.takeExhausted(), [])
        io.protectPeer(1, mode, KEY, 5)
        assert.equal(send(), 1)
        io.flush()
        assert.equal(hex((await receiver.take(1))[0]!.subarray(-4)), '80000085')
      },
    )

  engineTest('sends to IPv4 and IPv6 from one socket', async (io, context) => {
    const four = await join(io, context, 1, VoiceMode.AeadAes256GcmRtpsize)
    const six = await join(io, context, 2, VoiceMode.AeadAes256GcmRtpsize, 0, '::1')
    io.forward(batchOf(opus(1)), 0, Int32Array.of(1, 2), 2, 0)
    io.sendRaw(four.words, 0, Uint8Array.of(1, 2, 3, 4), 3)
    io.sendRaw(six.words, 0, Uint8Array.of(5, 6, 7), 3)
    io.flush()
    for (const [receiver, raw] of [
      [four, '010203'],
      [six, '050607'],
    ] as const) {
      const received = await receiver.take(2)
      assert.equal(hex(referenceOpen(VoiceMode.AeadAes256GcmRtpsize, KEY, received[0]!)), hex(opus(1)))
      assert.equal(hex(received[1]!), raw)
    }
  })

  engineTest('skips and counts a destination that the system rejects', async (io, context) => {
    const good = await join(io, context, 1, VoiceMode.AeadAes256GcmRtpsize)
    const bad = new Int32Array(ADDRESS_WORDS)
    for (const [peer, ip, port] of [
      [2, '255.255.255.255', 9],
      [3, '127.0.0.1', 0],
    ] as const) {
      io.addPeer(peer)
      io.protectPeer(peer, VoiceMode.AeadAes256GcmRtpsize, KEY, 0)
      assert.ok(writeAddress(bad, 0, ip, port))
      io.setAddress(peer, bad, 0)
    }
    io.addPeer(4)
    const batch = batchOf(opus(1), opus(2))
    for (const slot of [0, 1]) io.forward(batch, slot, Int32Array.of(2, 1, 3, 4), 4, 0)
    io.sendRaw(bad, 0, Uint8Array.of(1), 1)
    io.flush()
    assert.equal((await good.take(2)).length, 2)
    await until('five failures', () => io.sent.failed === 5)
  })

  engineTest('skips a removed peer in a target list', async (io, context) => {
    const receivers = await Promise.all([1, 2, 3].map(peer => join(io, context, peer, VoiceMode.AeadAes256GcmRtpsize)))
    io.removePeer(2)
    assert.equal(io.forward(batchOf(opus(1)), 0, Int32Array.of(1, 2, 3), 3, 0), 2)
    io.flush()
    await Promise.all([receivers[0]!.take(1), receivers[2]!.take(1)])
    assert.equal(receivers[1]!.received.length, 0)
  })

  test(`${name}: receives from IPv4 and IPv6, and reports the length of oversized datagrams`, async context => {
    const received: { ip: string; port: number; length: number; bytes: string }[] = []
    const engine = await open(batch => {
      for (let slot = 0; slot < batch.count; slot++) {
        const { ip, port } = readAddress(batch.addresses, slot * ADDRESS_WORDS)
        const bytes = hex(batch.bytes.subarray(slot * SLOT, slot * SLOT + 4))
        received.push({ ip, port, length: batch.lengths[slot]!, bytes })
      }
    })
    context.after(() => engine.close())
    const four = await Receiver.open(context)
    const six = await Receiver.open(context, '::1')
    const expected: typeof received = []
    const send = async (from: Receiver, ip: string, bytes: Uint8Array) => {
      from.send(bytes, engine.port)
      expected.push({ ip, port: from.port, length: bytes.length, bytes: hex(bytes.subarray(0, 4)) })
      await until('the datagram', () => received.length === expected.length)
    }
    await send(four, '127.0.0.1', opus(1))
    await send(six, '::1', opus(2, 1000))
    await send(four, '127.0.0.1', new Uint8Array(SLOT).fill(1))
    await send(four, '127.0.0.1', new Uint8Array(SLOT + 1).fill(2))
    await send(six, '::1', new Uint8Array(9_000).fill(3))
    assert.deepEqual(received, expected)
  })
}

/** A socket that is connected to one address of the engine: the system gives it datagrams from there only. */
async function connected(context: TestContext, from: string, to: string, port: number): Promise<Socket> {
  const socket = createSocket(to.includes(':') ? 'udp6' : 'udp4')
  context.after(() => void socket.close())
  socket.bind(0, from)
  await once(socket, 'listening')
  socket.connect(port, to)
  await once(socket, 'connect')
  return socket
}

/** What an engine that listens on all addresses must do on a host with several. `127.0.0.2` stands for the second address. */
export function localAddressSuite(name: string, open: OpenEngineFactory): void {
  for (const { from, to } of [
    { from: '127.0.0.1', to: '127.0.0.1' },
    { from: '127.0.0.1', to: '127.0.0.2' },
    { from: '::1', to: '::1' },
  ])
    test(`${name}: datagrams to ${to} are answered from there, raw and sealed`, async context => {
      const engine = await open(batch => {
        for (let slot = 0; slot < batch.count; slot++) {
          const at = slot * ADDRESS_WORDS
          engine.io.setAddress(1, batch.addresses, at)
          engine.io.sendRaw(batch.addresses, at, Uint8Array.of(1, 2, 3), 3)
          for (let copy = 0; copy < 2; copy++) engine.io.sendRtcp(1, encodeReceiverReport(1, []), 8)
          engine.io.flush()
        }
      })
      context.after(() => engine.close())
      engine.io.addPeer(1)
      engine.io.protectPeer(1, VoiceMode.AeadAes256GcmRtpsize, KEY, 0)
      const socket = await connected(context, from, to, engine.port)
      const received: number[] = []
      socket.on('message', bytes => received.push(bytes.length))
      for (let round = 1; round <= 3; round++) {
        socket.send(Uint8Array.of(round))
        await until('all answers', () => received.length === round * 3)
      }
      assert.equal(received.filter(length => length === 3).length, 3)
    })

  test(`${name}: a peer that moves to another address of the host is sent to from there`, async context => {
    const engine = await open(batch => {
      for (let slot = 0; slot < batch.count; slot++) engine.io.setAddress(1, batch.addresses, slot * ADDRESS_WORDS)
      engine.io.sendRtcp(1, encodeReceiverReport(1, []), 8)
      engine.io.flush()
    })
    context.after(() => engine.close())
    engine.io.addPeer(1)
    engine.io.protectPeer(1, VoiceMode.AeadAes256GcmRtpsize, KEY, 0)
    const sources: string[] = []
    const socket = createSocket('udp4')
    context.after(() => void socket.close())
    socket.on('message', (_bytes, { address }) => sources.push(address))
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    for (const [index, address] of ['127.0.0.2', '127.0.0.1', '127.0.0.2'].entries()) {
      socket.send(Uint8Array.of(1), engine.port, address)
      await until('the answer', () => sources.length > index)
    }
    assert.deepEqual(sources, ['127.0.0.2', '127.0.0.1', '127.0.0.2'])
  })
}

test('the reference cipher opens every published packet, and its HChaCha20 matches the published vector', () => {
  for (const { mode, sealed, plain } of VECTORS)
    assert.equal(hex(referenceOpen(mode, KEY, Buffer.from(sealed, 'hex'))), plain, mode)
  assert.equal(hex(hchacha20(KEY, unhex(HCHACHA20.input))), HCHACHA20.output)
})
