// How much the heap grows while packets are routed.

/** What the packet engine of a benchmark counts. */
interface Counted {
  readonly sent: { readonly packets: number }
  readonly reports: number
}

/** V8 optimizes in the background, and allocates meanwhile. What every packet allocates is in each round. */
const ROUNDS = 3

/**
 * Routes `warmUp` packets and then three times as many as the command line names (300,000 by default). Prints the forwarded packets, the
 * reports and the growth of the heap in bytes of the round in which it grew least. Needs `--expose-gc`, and a young generation that is not
 * collected within a round.
 */
export function printHeapGrowth(
  io: Counted,
  run: (packets: number) => void,
  warmUp: number,
  takeEvents: () => unknown,
): void {
  run(warmUp)
  const rounds = Array.from({ length: ROUNDS }, () => {
    takeEvents()
    ;(globalThis as { gc?: () => void }).gc?.()
    const before = { heap: process.memoryUsage().heapUsed, packets: io.sent.packets, reports: io.reports }
    run(Number(process.argv[2] ?? 300_000))
    const grown = process.memoryUsage().heapUsed - before.heap
    const reports = io.reports - before.reports
    return { forwarded: io.sent.packets - before.packets - reports, reports, grown }
  })
  console.log(JSON.stringify(rounds.reduce((least, round) => (round.grown < least.grown ? round : least))))
}
