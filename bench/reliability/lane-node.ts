// A node as a process whose lanes can be crashed: on each message the thread of the oldest lane ends, as by a fault. Arguments: the number
// of lanes, and members of a channel on one lane.
import type { Worker } from 'node:worker_threads'
import { createServer } from '@parley/server'
import { SECRET } from '../node/node-process.ts'

const [lanesText = '1', membersText = '1000'] = process.argv.slice(2)

/** Threads of lanes that are open, the newest last. The loader of TypeScript has a thread too, which opens no port. */
const lanes: Worker[] = []
process.on('worker', worker => {
  const each = worker as unknown as Worker
  each.on('message', ({ kind }) => kind === 'opened' && lanes.push(each))
})

const media = { lanes: Number(lanesText), members_per_lane: Number(membersText) }
const server = await createServer({ backend: [{ id: 'bench', secret: SECRET }], media })
process.on('message', () => void lanes.shift()?.terminate())
process.on('disconnect', () => process.exit(0))
process.send?.({ endpoint: server.endpoint })
