// One lane to saturate, without the rest of a node. It works in this process, during `run` only.
import type { LaneCommand, LaneEvent } from '@parley/core'
import { type Aead, chooseAead } from '../../packages/server/src/lane/crypto/slot-ciphers.ts'
import { FfiEngine } from '../../packages/server/src/lane/engine/ffi-engine.ts'
import type { Native } from '../../packages/server/src/lane/engine/native-calls.ts'
import { InlineLane } from '../../packages/server/src/lane/thread/lane-inline.ts'
import { LaneLoop } from '../../packages/server/src/lane/thread/lane-loop.ts'

/** `openssl` is the ffi engine without libsodium; `ffi` chooses as a node does. */
export type EngineName = 'ffi' | 'openssl' | 'portable'

export interface RunningLane {
  port: number
  command(command: LaneCommand): void
  /** Copies sent so far. */
  forwarded(): number
  /** Works for the given time. */
  run(milliseconds: number): Promise<void>
  /** Share of the time since the last call that it worked. */
  busy(): number
  close(): Promise<void>
}

const pause = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, milliseconds))

export const startLane = async (engine: EngineName, native: Native): Promise<RunningLane> =>
  engine === 'portable' ? startPortable() : startFfi(native, engine === 'openssl' ? 'openssl' : chooseAead(native))

function startFfi(native: Native, aead: Aead): RunningLane {
  const engine = new FfiEngine(native, { ip: '127.0.0.1', port: 0 }, aead)
  const loop = new LaneLoop(engine, { onEvents: () => {} })
  return {
    port: engine.socket.port,
    command: command => loop.command(command),
    forwarded: () => engine.packets,
    async run(milliseconds) {
      await pause(0)
      // Reads the clock rarely, because each reading allocates a number.
      for (const end = performance.now() + milliseconds; performance.now() < end; )
        for (let count = 0; count < 8; count++) if (!loop.turn()) loop.wait(1)
    },
    busy: () => loop.busy(),
    close: async () => loop.close(),
  }
}

async function startPortable(): Promise<RunningLane> {
  let sent = 0
  const onEvents = (events: readonly LaneEvent[]) => {
    for (const event of events) if (event.kind === 'counters') sent = event.counters.packetsOut
  }
  const lane = await InlineLane.open({ id: 0, ip: '127.0.0.1', port: 0, onEvents })
  let last = performance.eventLoopUtilization()
  return {
    port: lane.port,
    command: command => lane.command(command),
    forwarded() {
      lane.command({ kind: 'report' })
      return sent
    },
    run: async milliseconds => void (await pause(milliseconds)),
    busy() {
      const now = performance.eventLoopUtilization()
      const share = performance.eventLoopUtilization(now, last).utilization
      last = now
      return share
    },
    close: () => lane.close(),
  }
}
