// The floor of a whole node, in a process of its own as the node is. Started with fork by floor.ts.
import { Native } from '../../packages/server/src/lane/engine/native-calls.ts'
import { BareSender } from './bare-sender.ts'
import type { FloorOrder, FloorReport } from './floor.ts'

const native = await Native.load()
if (!native.ok) throw new Error(native.reason)
const sender = new BareSender(native.value)
const say = (report: FloorReport) => process.send?.(report)

process.on('message', (order: FloorOrder) => {
  if (order.kind === 'prepare') sender.prepare(order.copies)
  else say({ kind: 'spent', microseconds: sender.measure(order.milliseconds) })
})
say({ kind: 'ready', port: sender.port })
