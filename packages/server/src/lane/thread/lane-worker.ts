// What runs on a lane's thread: on the ffi engine a loop that blocks in poll, on the portable one Node.js's own.
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { LaneEvent } from '@parley/core'
import { protectionReady } from '../crypto/protection.ts'
import { FfiEngine } from '../engine/ffi-engine.ts'
import { Native } from '../engine/native-calls.ts'
import type { Lane } from './lane.ts'
import { InlineLane } from './lane-inline.ts'
import { LaneLoop } from './lane-loop.ts'
import type { FromLane, LaneStart, ToLane } from './thread-messages.ts'
import { WarmUp } from './warm-up.ts'

/** Without anything to do the loop looks up so often, so that this thread can be stopped from outside. */
const LONGEST_WAIT = 250

const start = workerData as LaneStart
const port = parentPort!
const say = (message: FromLane) => port.postMessage(message)
const onEvents = (events: readonly LaneEvent[]) => say({ kind: 'events', events })

/** Answers with a refusal if the address cannot be had. */
async function open<Opened>(make: () => Opened | Promise<Opened>): Promise<Opened | undefined> {
  try {
    return await make()
  } catch (error) {
    const { code = 'unknown', message } = error as NodeJS.ErrnoException
    say({ kind: 'refused', code, message })
    return undefined
  }
}

async function runFfi(): Promise<void> {
  const native = await Native.load()
  if (typeof native === 'string') return say({ kind: 'refused', code: 'ENOSYS', message: native })
  await protectionReady()
  const engine = await open(() => new FfiEngine(native, { ip: start.ip, port: start.port }))
  if (engine === undefined) return
  const posted = new Int32Array(start.posted)
  let goesOn = true
  const takeCommands = () => {
    if (Atomics.exchange(posted, 0, 0) !== 0 && !takeMessages(loop)) goesOn = false
  }
  const loop: LaneLoop = new LaneLoop(engine, { onEvents, takeCommands })
  say({ kind: 'opened', port: engine.socket.port, descriptors: engine.socket.descriptors })
  let warmUp = startWarmUp(native)
  for (takeCommands(); goesOn; takeCommands()) {
    if (loop.turn()) continue
    if (warmUp === undefined) loop.wait(LONGEST_WAIT)
    else if (!warmUp.step()) warmUp = undefined
  }
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

/** Returns whether to go on. */
function takeMessages(lane: Pick<Lane, 'command'>): boolean {
  for (let taken = receiveMessageOnPort(port); taken !== undefined; taken = receiveMessageOnPort(port)) {
    const message = taken.message as ToLane
    if (message.kind === 'close') return false
    for (const command of message.commands) lane.command(command)
  }
  return true
}

async function runPortable(): Promise<void> {
  const posted = new Int32Array(start.posted)
  let lane: InlineLane | undefined
  const close = () => void lane?.close().then(() => port.close())
  const takeCommands = () => {
    if (lane !== undefined && Atomics.exchange(posted, 0, 0) !== 0 && !takeMessages(lane)) close()
  }
  const { id, ip, port: listenPort, addresses } = start
  const options = { id, ip, port: listenPort, addresses, onEvents, takeCommands }
  lane = await open(() => InlineLane.open(options))
  if (lane === undefined) return
  say({ kind: 'opened', port: lane.port })
  port.on('message', (message: ToLane) => {
    if (message.kind === 'commands') for (const command of message.commands) lane.command(command)
    else close()
  })
}

await (start.engine === 'ffi' ? runFfi() : runPortable())
