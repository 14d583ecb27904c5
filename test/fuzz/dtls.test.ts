// Fuzz: DTLS records to OpenSSL. Each association receives a few datagrams; none may throw, and every one must be freed.
import assert from 'node:assert/strict'
import { AlertRecords } from '../../packages/server/src/dtls/alert-records.ts'
import { packRecords } from '../../packages/server/src/dtls/dtls-records.ts'
import { OpensslDtls } from '../../packages/server/src/dtls/openssl-dtls.ts'
import { selfSignedCertificate } from '../../packages/server/src/net/self-signed.ts'
import { fuzz } from './harness.ts'

const dtls = await OpensslDtls.open(selfSignedCertificate())
const unhex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'))

/** A ClientHello of OpenSSL's client: X25519 and P-256, use_srtp, extended master secret. */
const HELLO = unhex(`16feff0000000000000000 0087 01 00007b 0000 000000 00007b fefd
  6a5b1d2c3e4f5061728394a5b6c7d8e9fa0b1c2d3e4f5061728394a5b6c7d8e9 00 00 0004 c02b00ff 01 00
  004d 000b000403000102 000a000600040 01d0017 000e00050002000700 00230000 00160000 00170000
  000d001e001c 040305030603 080708080809080a080b080408050806 040105010601 0403 0000`)
const TWO_RECORDS = Uint8Array.from([...HELLO, ...HELLO])
const ALERT = unhex('15fefd0000000000000001 0002 0100')
const FINISHED = unhex('16fefd0001000000000000 0030'.padEnd(150, 'a'))
const FRAGMENT = unhex('16feff0000000000000003 0014 01 00007b 0000 000010 000008 0102030405060708')

if (!dtls.ok) throw new Error(dtls.reason)
const node = dtls.value
fuzz('arbitrary datagrams never complete a handshake, and its association is freed', {
  covers: ['server/dtls/openssl-association.ts'],
  corpus: [HELLO, TWO_RECORDS, ALERT, FINISHED, FRAGMENT],
  run(bytes) {
    const association = node.accept({ algorithm: 'sha-256', bytes: new Uint8Array(32) }, 0)
    association.receive(HELLO, 0)
    association.receive(bytes, 1)
    association.receive(bytes.slice(bytes.length >> 1), 2)
    for (const datagram of association.takeDatagrams()) assert.ok(datagram.length <= 1_200 && datagram.length > 0)
    assert.notEqual(association.state.kind, 'connected')
    association.tick(association.deadline)
    association.close()
    association.receive(bytes, 3)
    assert.equal(association.deadline, Infinity)
    assert.equal(node.handshakes, 0)
  },
})

const MTU = 200

fuzz('records are packed into datagrams in order and whole', {
  covers: ['server/dtls/dtls-records.ts'],
  corpus: [TWO_RECORDS, Uint8Array.from([...ALERT, ...FRAGMENT, ...ALERT, ...FINISHED, ...HELLO])],
  run(bytes) {
    const datagrams = packRecords(bytes, MTU)
    const packed = Buffer.concat(datagrams)
    assert.ok(packed.equals(bytes.subarray(0, packed.length)))
    for (const datagram of datagrams) {
      assert.ok(datagram.length > 0)
      if (datagram.length <= MTU) continue
      const [high = 0, low = 0] = datagram.subarray(11, 13)
      assert.equal(datagram.length, 13 + high * 256 + low, 'only a single record may exceed the MTU')
    }
  },
})

const alerts = new AlertRecords({
  master: new Uint8Array(48),
  clientRandom: new Uint8Array(32),
  serverRandom: new Uint8Array(32),
})
const own = alerts.closeNotify()

fuzz('no datagram without the client’s key ends an association', {
  covers: ['server/dtls/alert-records.ts'],
  corpus: [own, Uint8Array.from([...ALERT, ...own, ...HELLO]), FINISHED],
  run(bytes) {
    assert.equal(alerts.read(bytes), undefined)
  },
})
