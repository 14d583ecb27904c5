// A process for a test: starts a server, connects clients of every kind and closes the server. It exits if nothing leaks.
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
