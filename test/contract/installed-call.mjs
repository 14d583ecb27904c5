// Runs inside an installed consumer: a node with lane threads, two clients, one frame, the page of the playground, and its
// WebAssembly.
import { VoiceClient } from '@parley/client'
import { createDemoBackend, createServer } from '@parley/server'

const server = await createServer({ media: { lanes: 2 }, http: { listen: '127.0.0.1:0', playground: true } })
const backend = await createDemoBackend({ lvspUrl: server.lvspUrl, secret: server.secret })
console.log(`lanes: ${server.inspect().lanes.length}`)

async function join(userId) {
  const { endpoint, server_id, channel_id, session_id, token } = await backend.join(userId)
  const place = { endpoint, url: server.url, serverId: server_id, channelId: channel_id }
  const client = new VoiceClient({ ...place, userId, sessionId: session_id, token })
  await client.connect()
  return client
}
const [ana, ben] = [await join('1'), await join('2')]
const frame = new Promise(resolve => ben.once('frame', resolve))
ana.sendFrame(Uint8Array.of(0x78, 1, 2, 3))
console.log(`frame: ${Buffer.from((await frame).payload).toString('hex')}`)

const page = await fetch(server.playgroundUrl)
console.log(`page: ${page.status}`)
const [script] = /assets\/[^"]+\.js/.exec(await page.text())
const loaded = await fetch(new URL(script, server.playgroundUrl))
console.log(`script: ${loaded.status}`)
const text = await loaded.text()
const [wasm] = /davey[^"'`]+\.wasm/.exec(text)
const { status, headers } = await fetch(new URL(`assets/${wasm}`, server.playgroundUrl))
console.log(`wasm: ${status} ${headers.get('content-type')}`)

await Promise.all([ana.close(), ben.close()])
await backend.close()
await server.close()
