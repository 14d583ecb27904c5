// A process of a test: starts a server, connects all sorts of clients, closes the server, and has nothing left to wait for.
import { connect } from 'node:net'
import { createServer } from '@parley/server'
import { WebSocket } from 'ws'

const server = await createServer({ lvsp: { listen: '127.0.0.1:0' } })
const clients = [`${server.url}?v=8`, server.lvspUrl].map(url => new WebSocket(url))
const halfOpen = connect(Number(new URL(server.url).port), '127.0.0.1')
await Promise.all(clients.map(client => new Promise(resolve => client.once('message', resolve))))
await (await fetch(`${server.url.replace('ws', 'http')}metrics`)).text()
const start = performance.now()
await server.close()
await server.close()
console.log(`closed in time: ${performance.now() - start < 1_500}`)
halfOpen.destroy()
