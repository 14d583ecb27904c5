// The script of a page's DAVE worker: `new Worker(url, { type: 'module' })`, then `DaveWorker.open` of `@parley/client/browser`.

import type { WorkerReply, WorkerRequest } from './browser/worker-messages.ts'
import { DaveService } from './dave-worker/dave-service.ts'
import { loadDaveyWasm } from './dave-worker/davey-wasm.ts'
import type { Transformer } from './dave-worker/encoded-frame.ts'
import { daveyLibrary } from './voice/dave/davey-keys.ts'

/** The parts of DedicatedWorkerGlobalScope that are used here. */
interface Scope {
  postMessage(reply: WorkerReply): void
  onmessage: (event: { data: WorkerRequest }) => void
  onrtctransform: (event: { transformer: Transformer }) => void
}

const scope = globalThis as unknown as Scope
const service = new DaveService(
  async wasm => daveyLibrary(await loadDaveyWasm(wasm)),
  reply => scope.postMessage(reply),
)
scope.onmessage = ({ data }) => service.request(data)
scope.onrtctransform = ({ transformer }) => service.transform(transformer)
