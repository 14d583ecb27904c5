// How much the heap grows while packets are routed.

/** What the packet engine of a benchmark counts. */
interface Counted {
  readonly sent: { readonly packets: number }
  readonly reports: number
}

/**
 * Routes `warmUp` packets and then as many as the command line names (300,000 by default), and prints the forwarded packets, the reports
 * and the growth of the heap in bytes, for the latter only. Needs `--expose-gc`, and a young generation that is not collected before the end.
 */
export function printHeapGrowth(
  io: Counted,
  run: (packets: number) => void,
  warmUp: number,
  takeEvents: () => unknown,
): void {
  run(warmUp)
  takeEvents()
  ;(globalThis as { gc?: () => void }).gc?.()
  const before = { heap: process.memoryUsage().heapUsed, packets: io.sent.packets, reports: io.reports }
  run(Number(process.argv[2] ?? 300_000))
  const grown = process.memoryUsage().heapUsed - before.heap
  const reports = io.reports - before.reports
  console.log(JSON.stringify({ forwarded: io.sent.packets - before.packets - reports, reports, grown }))
}
