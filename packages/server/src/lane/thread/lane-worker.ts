// Entry point of a lane's thread: with the ffi engine a loop that blocks in poll, with the portable one Node.js's event loop.
// `ThreadLane` starts it with `LaneStart` as worker data. It posts `opened` or `refused` once, then events. Commands
// arrive as messages: the main thread posts them, sets the shared word and wakes the poll, so that a lane between
// packets need not ask for messages.
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { LaneEvent } from '@parley/core'
import { SERVER_LIMITS } from '../../limits.ts'
import { protectionReady } from '../crypto/protection.ts'
import { FfiEngine } from '../engine/ffi-engine.ts'
import { Native } from '../engine/native-calls.ts'
import type { Lane } from './lane.ts'
import { InlineLane } from './lane-inline.ts'
import { LaneLoop } from './lane-loop.ts'
import { POSTED } from './lane-rings.ts'
import type { FromLane, LaneStart, ToLane } from './thread-messages.ts'
import { WarmUp } from './warm-up.ts'

const start = workerData as LaneStart
const port = parentPort!
const post = (message: FromLane) => port.postMessage(message)
const onEvents = (events: readonly LaneEvent[]) => post({ kind: 'events', events })

/**
 * The result of `make`; undefined if it failed, in which case the refusal was posted. An address that is in use is the
 * usual reason.
 */
async function open<Opened>(make: () => Opened | Promise<Opened>): Promise<Opened | undefined> {
  try {
    return await make()
  } catch (error) {
    const { code = 'unknown', message } = error as NodeJS.ErrnoException
    post({ kind: 'refused', code, message })
    return undefined
  }
}

/**
 * Runs until `close` is received. This thread never returns to the event loop: it turns, and waits in poll while there
 * is nothing to do. Until the packet path is compiled it warms up instead of waiting.
 */
async function runFfi(): Promise<void> {
  const loaded = await Native.load()
  if (!loaded.ok) return post({ kind: 'refused', code: 'ENOSYS', message: loaded.reason })
  const native = loaded.value
  await protectionReady()
  const engine = await open(
    () => new FfiEngine(native, { ip: start.ip, port: start.port, wake: start.bell.descriptor }),
  )
  if (engine === undefined) return
  const bell = new Int32Array(start.bell.words)
  let isRunning = true
  const target: Target = { command: command => loop.command(command), connect: ring => loop.connect(ring, native) }
  const takeCommands = () => {
    if (Atomics.exchange(bell, POSTED, 0) !== 0 && !takeMessages(target)) isRunning = false
  }
  const loop: LaneLoop = new LaneLoop(engine, { onEvents, takeCommands })
  post({ kind: 'opened', port: engine.socket.port, descriptors: engine.socket.descriptors })
  let warmUp = startWarmUp(native)
  // A function of its own: V8 optimizes what is called often, and this loop never returns.
  const step = (): boolean => {
    takeCommands()
    if (!isRunning) return false
    if (loop.turn() && (warmUp !== undefined || !loop.hasCaughtUp)) return true
    if (warmUp === undefined) loop.wait(SERVER_LIMITS.maxLaneWait)
    else if (!warmUp.step()) {
      const { copiesPerSecond } = warmUp
      if (copiesPerSecond !== undefined) post({ kind: 'calibrated', copiesPerSecond })
      warmUp = undefined
    }
    return true
  }
  while (step());
  warmUp?.close()
  loop.close()
}

/** Without a port or memory to spare a lane starts cold. */
function startWarmUp(native: Native): WarmUp | undefined {
  try {
    return new WarmUp(native)
  } catch {
    return undefined
  }
}

/** What messages are for. */
type Target = Pick<Lane, 'command' | 'connect'>

/** Returns whether to continue. */
function takeMessages(lane: Target): boolean {
  for (let taken = receiveMessageOnPort(port); taken !== undefined; taken = receiveMessageOnPort(port))
    if (!take(taken.message as ToLane, lane)) return false
  return true
}

/** The same for one message. */
function take(message: ToLane, lane: Target): boolean {
  if (message.kind === 'commands') for (const command of message.commands) lane.command(command)
  else if (message.kind === 'ring') lane.connect(message)
  return message.kind !== 'close'
}

/**
 * Runs on the event loop, because dgram sockets need it. Commands are taken before each batch as well, so that they do
 * not wait for a turn.
 */
async function runPortable(): Promise<void> {
  const bell = new Int32Array(start.bell.words)
  let lane: InlineLane | undefined
  const close = () => void lane?.close().then(() => port.close())
  const takeCommands = () => {
    if (lane !== undefined && Atomics.exchange(bell, POSTED, 0) !== 0 && !takeMessages(lane)) close()
  }
  const { id, ip, port: listenPort, addresses } = start
  const options = { id, ip, port: listenPort, addresses, onEvents, takeCommands }
  lane = await open(() => InlineLane.open(options))
  if (lane === undefined) return
  post({ kind: 'opened', port: lane.port })
  port.on('message', (message: ToLane) => {
    if (!take(message, lane)) close()
  })
}

await (start.engine === 'ffi' ? runFfi() : runPortable())
