// The page's end and the worker's end of DAVE, connected in one thread.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { DaveHost } from '../dave-worker/dave-host.ts'
import { DaveService } from '../dave-worker/dave-service.ts'
import type { EncodedFrame, Transformer } from '../dave-worker/encoded-frame.ts'
import type { DaveEvent } from '../voice/dave/dave-messages.ts'
import { loadDavey } from '../voice/dave/davey.ts'
import { DaveWorker, type DaveWorkerThread, obstacleToDave } from './dave-worker.ts'
import type { TransformOptions, WorkerReply, WorkerRequest } from './worker-messages.ts'

const library = await loadDavey()
const DESCRIBED = { kind: 'described', generation: 1, version: 1, userId: '1', channelId: '5' } as const

/** A worker whose messages are copied, and arrive later and in order. */
class Thread implements DaveWorkerThread {
  isTerminated = false
  readonly service: DaveService
  readonly #listeners = new Set<(event: { type: string; data: unknown }) => void>()

  constructor(load = async () => library!) {
    this.service = new DaveService(load, reply => this.#reply(reply))
  }
  postMessage(message: unknown): void {
    const copy = structuredClone(message) as WorkerRequest
    queueMicrotask(() => this.service.request(copy))
  }
  terminate(): void {
    this.isTerminated = true
  }
  addEventListener(type: string, listener: (event: { type: string; data: unknown }) => void): void {
    if (type === 'message') this.#listeners.add(listener)
  }
  #reply(reply: WorkerReply): void {
    const data = structuredClone(reply)
    queueMicrotask(() => {
      for (const listener of this.#listeners) listener({ type: 'message', data })
    })
  }
}

/** The browser's class; each instance gives the worker its end. */
function withTransforms(t: TestContext) {
  const written: EncodedFrame[] = []
  const scope = globalThis as { RTCRtpScriptTransform?: unknown }
  scope.RTCRtpScriptTransform = class {
    readonly frames = new TransformStream<EncodedFrame, EncodedFrame>()
    constructor(thread: Thread, options: TransformOptions) {
      const writable = new WritableStream<EncodedFrame>({ write: frame => void written.push(frame) })
      thread.service.transform({ readable: this.frames.readable, writable, options } satisfies Transformer)
    }
  }
  t.after(() => {
    delete scope.RTCRtpScriptTransform
  })
  return written
}

const settled = () => new Promise(resolve => setImmediate(resolve))

test('a browser without RTCRtpScriptTransform cannot encrypt, and says so', async () => {
  assert.equal(obstacleToDave(), 'this browser has no RTCRtpScriptTransform')
  const thread = new Thread()
  await assert.rejects(DaveWorker.open(thread, { wasm: 'davey.wasm' }), /RTCRtpScriptTransform/)
  assert.ok(thread.isTerminated)
})

test('a library that does not load rejects with its reason, and ends the worker', async t => {
  withTransforms(t)
  const thread = new Thread(() => Promise.reject(new Error('HTTP status 404')))
  await assert.rejects(DaveWorker.open(thread, { wasm: 'davey.wasm' }), /HTTP status 404/)
  assert.ok(thread.isTerminated)
})

test('events belong to the session that is described last, in the generation of that session', async t => {
  withTransforms(t)
  const dave = await DaveWorker.open(new Thread(), { wasm: 'davey.wasm' })
  assert.equal(dave.version, 1)
  const events: DaveEvent[] = []
  dave.onEvent = event => events.push(event)
  dave.command(DESCRIBED)
  // Another session, whose first Session Description has the same generation.
  dave.command({ ...DESCRIBED, userId: '2' })
  await settled()
  assert.deepEqual(
    events.map(({ generation, output }) => [generation, output.kind]),
    [
      [1, 'send'],
      [1, 'encryption'],
    ],
  )
})

test('a code is asked of the worker, and is undefined without a group or for a user that is not in it', async t => {
  withTransforms(t)
  const dave = await DaveWorker.open(new Thread(), { wasm: 'davey.wasm' })
  assert.equal(await dave.verificationCode('2'), undefined)
  dave.command(DESCRIBED)
  const [first, second] = await Promise.all([dave.verificationCode('2'), dave.report()])
  assert.equal(first, undefined)
  assert.equal(second.sealed, 0)
})

test('what the library cannot compute rejects with its reason, and what is not answered when the worker closes rejects, too', async t => {
  withTransforms(t)
  const thread = new Thread()
  const dave = await DaveWorker.open(thread, { wasm: 'davey.wasm' })
  t.mock.method(DaveHost.prototype, 'verificationCode', async () => {
    throw new Error('expected an exported key')
  })
  await assert.rejects(dave.verificationCode('2'), /expected an exported key/)
  const unanswered = Promise.allSettled([dave.report(), dave.verificationCode('2')])
  dave.close()
  assert.deepEqual(
    (await unanswered).map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  await assert.rejects(dave.report(), /the DAVE worker is closed/)
  assert.ok(thread.isTerminated)
})

test('frames of a sender pass once the call is described, and the report counts them', async t => {
  const written = withTransforms(t)
  const dave = await DaveWorker.open(new Thread(), { wasm: 'davey.wasm' })
  const sender: { transform: unknown } = { transform: null }
  dave.sealSender(sender, 'audio')
  const { frames } = sender.transform as { frames: TransformStream<EncodedFrame, EncodedFrame> }
  const writer = frames.writable.getWriter()
  const frame = { data: Uint8Array.of(0xfc, 1, 2).buffer, getMetadata: () => ({ mimeType: 'audio/opus' }) }
  await writer.write(frame)
  await settled()
  assert.equal(written.length, 0, 'before Session Description nothing is sent')
  dave.command({ ...DESCRIBED, version: 0 })
  await settled()
  await writer.write(frame)
  await settled()
  assert.equal(written.length, 1)
  const report = await dave.report()
  assert.deepEqual(report, { sealed: 0, clear: 1, unsent: 1, opened: 0, passed: 0, unopened: 0 })
})
