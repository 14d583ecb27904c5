// Opens the page's DAVE worker.
import { DaveWorker, obstacleToDave } from '@parley/client/browser'
import wasm from '@snazzah/davey-wasm32-wasi/davey.wasm32-wasi.wasm?url'

/** End-to-end encryption of the page, or why there is none. */
export type PageDave = { worker: DaveWorker } | { worker: undefined; reason: string }

/** Never rejects. */
export async function openDave(): Promise<PageDave> {
  const obstacle = wasm === '' ? 'this page was built without the DAVE library' : obstacleToDave()
  if (obstacle !== undefined) return { worker: undefined, reason: obstacle }
  try {
    const thread = new Worker(new URL('./dave-worker.ts', import.meta.url), { type: 'module' })
    return { worker: await DaveWorker.open(thread, { wasm }) }
  } catch (error) {
    return { worker: undefined, reason: error instanceof Error ? error.message : String(error) }
  }
}
