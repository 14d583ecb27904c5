// The default bound on the memory of one backend: a share of what the process can have.
import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'

/** Of the memory that the process can have: the rest is for sockets, lanes and garbage. */
const SHARE = 0.5

/** Bytes. What backends occupy is mostly in V8's heap, whose limit is below the machine's memory on large machines. */
export function defaultBackendMemory(backends: number): number {
  const { heap_size_limit: heap } = getHeapStatistics()
  // 0, or more than the machine has, without a limit of the control group.
  const constrained = process.constrainedMemory() || Infinity
  return Math.floor((SHARE * Math.min(totalmem(), constrained, heap)) / Math.max(1, backends))
}
