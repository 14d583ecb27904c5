// The process of the floor, separate like the node's. floor.ts starts it with fork.
import { Native } from '../../packages/server/src/lane/engine/native-calls.ts'
import { BareSender } from './bare-sender.ts'
import type { FloorOrder, FloorReport } from './floor.ts'

const native = await Native.load()
if (!native.ok) throw new Error(native.reason)
const sender = new BareSender(native.value)
const send = (report: FloorReport) => process.send?.(report)

process.on('message', (order: FloorOrder) => {
  if (order.kind === 'prepare') sender.prepare(order.copies)
  else send({ kind: 'spent', microseconds: sender.measure(order.milliseconds) })
})
send({ kind: 'ready', port: sender.port })
