// Fuzz: opening client packets in every mode. Opening never throws, never writes outside its slot, and rejects forgeries.
import assert from 'node:assert/strict'
import { readAddress, SLOT } from '@parley/core'
import { VoiceMode } from '@parley/protocol'
import { addDatagram, makeBatch } from '../../packages/core/src/testing/plain-io.ts'
import { protectionReady } from '../../packages/server/src/lane/crypto/protection.ts'
import type { DatagramPort } from '../../packages/server/src/lane/engine/portable-engine.ts'
import { PortableEngine } from '../../packages/server/src/lane/engine/portable-engine.ts'
import { referenceOpen } from '../contract/reference-cipher.ts'
import { KEY, VECTORS } from '../contract/vectors.ts'
import { fuzz } from './harness.ts'

await protectionReady()
const nowhere: DatagramPort = {
  port: 1,
  unsent: 0,
  failed: 0,
  destination: (address, local) => ({ ...address, local }),
  send() {},
  async close() {},
}
const engine = new PortableEngine(nowhere)
for (const [index, mode] of Object.values(VoiceMode).entries()) {
  engine.addPeer(index + 1)
  engine.protectPeer(index + 1, mode, KEY, 0)
}

const GUARD = 0x5a
const batch = makeBatch()

fuzz('a packet that opens also opens with the reference cipher, to the same bytes', {
  covers: ['server/lane/crypto/protection.ts', 'protocol/udp/protection-layout.ts'],
  corpus: VECTORS.map(vector => Uint8Array.from(Buffer.from(vector.sealed, 'hex'))),
  run(bytes) {
    for (const [index, mode] of Object.values(VoiceMode).entries()) {
      batch.count = 0
      batch.bytes.fill(GUARD, 0, 3 * SLOT)
      for (let slot = 0; slot < 2; slot++) addDatagram(batch, bytes, [0, 0, 0, 0, 0])
      const isOpen = engine.open(batch, 1, index + 1)
      assert.deepEqual(batch.bytes.subarray(0, bytes.length), bytes)
      assert.ok(batch.bytes.subarray(2 * SLOT, 3 * SLOT).every(byte => byte === GUARD))
      if (!isOpen) continue
      const opened = batch.bytes.subarray(SLOT, SLOT + batch.lengths[1]!)
      assert.deepEqual(Buffer.from(opened), referenceOpen(mode, KEY, Buffer.from(bytes)), mode)
    }
  },
})

fuzz('a source address is parsed, or the datagram is ignored', {
  covers: ['server/lane/engine/portable-engine.ts'],
  corpus: ['127.0.0.1', '::ffff:10.0.0.1', '2001:db8::1', 'fe80::1%eth0', '1:2:3:4:5:6:7:8'].map(ip => Buffer.from(ip)),
  run(bytes) {
    const batch = engine.load(Uint8Array.of(1), Buffer.from(bytes).toString('latin1'), 7)
    if (batch === undefined) return
    const { ip } = readAddress(batch.addresses, 0)
    const words = batch.addresses.slice(0, 5)
    assert.deepEqual(engine.load(Uint8Array.of(1), ip, 7)?.addresses.slice(0, 5), words)
  },
})
