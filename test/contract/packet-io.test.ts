// Runs the packet engine suites on every engine.
import { test } from 'node:test'
import { protectionReady } from '../../packages/server/src/lane/crypto/protection.ts'
import type { Aead } from '../../packages/server/src/lane/crypto/slot-ciphers.ts'
import { openDgramPort } from '../../packages/server/src/lane/engine/dgram-port.ts'
import { FfiEngine } from '../../packages/server/src/lane/engine/ffi-engine.ts'
import { Native } from '../../packages/server/src/lane/engine/native-calls.ts'
import { PortableEngine } from '../../packages/server/src/lane/engine/portable-engine.ts'
import { localAddressSuite, type OpenEngineFactory, packetIoSuite } from './packet-io-suite.ts'
import { srtpSuite } from './srtp-suite.ts'

function suites(name: string, open: OpenEngineFactory): void {
  packetIoSuite(name, open)
  srtpSuite(name, open)
  localAddressSuite(name, open)
}

suites('portable engine', async onBatch => {
  await protectionReady()
  let engine: PortableEngine | undefined
  const port = await openDgramPort({
    port: 0,
    addresses: ['127.0.0.2', '192.0.2.1'],
    onDatagram: (bytes, ip, from, local) => {
      const batch = engine?.load(bytes, ip, from, local)
      if (batch !== undefined) onBatch(batch)
    },
  })
  engine = new PortableEngine(port)
  return { io: engine, port: port.port, close: () => port.close() }
})

const loaded = await Native.load()

/** The ffi engine with one library for its AEADs. */
function ffiSuites(aead: Aead): void {
  if (!loaded.ok) return void test(`ffi engine, ${aead}`, { skip: loaded.reason }, () => {})
  const native = loaded.value
  const lacksSodium = native.sodium?.gcm === undefined
  if (aead === 'libsodium' && lacksSodium && process.env.CI === undefined)
    return void test(`ffi engine, ${aead}`, { skip: 'no libsodium with AES-256-GCM here' }, () => {})
  suites(`ffi engine, ${aead}`, async onBatch => {
    await protectionReady()
    const engine = new FfiEngine(native, { port: 0 }, aead)
    let reading = setImmediate(read)
    function read(): void {
      for (let batch = engine.socket.receive(64); batch !== undefined; batch = engine.socket.receive(64)) onBatch(batch)
      reading = setImmediate(read)
    }
    const close = async () => {
      clearImmediate(reading)
      engine.close()
    }
    return { io: engine, port: engine.socket.port, close }
  })
}

ffiSuites('openssl')
ffiSuites('libsodium')
