// Every packet engine under the one suite.
import { openDgramPort } from '../../packages/server/src/lane/dgram-port.ts'
import { PortableEngine } from '../../packages/server/src/lane/portable-engine.ts'
import { protectionReady } from '../../packages/server/src/lane/protection.ts'
import { packetIoSuite } from './packet-io-suite.ts'

packetIoSuite('portable engine', async onBatch => {
  await protectionReady()
  let engine: PortableEngine | undefined
  const port = await openDgramPort({
    port: 0,
    onDatagram: (bytes, ip, from) => {
      const batch = engine?.load(bytes, ip, from)
      if (batch !== undefined) onBatch(batch)
    },
  })
  engine = new PortableEngine(port)
  return { io: engine, port: port.port, close: () => port.close() }
})
