// A node as a process whose lane can be crashed: on each message the thread of its lane ends, as by a fault.
import type { Worker } from 'node:worker_threads'
import { createServer } from '@parley/server'
import { SECRET } from '../node/node-process.ts'

/** Threads of lanes that are open, the newest last. The loader of TypeScript has a thread too, which opens no port. */
const lanes: Worker[] = []
process.on('worker', worker => {
  const each = worker as unknown as Worker
  each.on('message', ({ kind }) => kind === 'opened' && lanes.push(each))
})

const server = await createServer({ backend: [{ id: 'bench', secret: SECRET }], media: { lanes: 1 } })
process.on('message', () => void lanes.pop()?.terminate())
process.on('disconnect', () => process.exit(0))
process.send?.({ endpoint: server.endpoint })
