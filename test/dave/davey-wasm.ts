// The WebAssembly of davey, as web pages load it, in Node.js.
import { readFileSync } from 'node:fs'
import { daveyWasm } from '../../packages/client/build/davey-wasm.mjs'
import { loadDaveyWasm } from '../../packages/client/src/dave-worker/davey-wasm.ts'
import type { Davey } from '../../packages/client/src/voice/dave/davey-keys.ts'

/** The library, or why it is unavailable. In CI it must be there. */
export async function loadWasm(): Promise<{ davey: Davey; skip: false } | { davey: undefined; skip: string }> {
  try {
    return { davey: await loadDaveyWasm(readFileSync(await daveyWasm())), skip: false }
  } catch (error) {
    if (process.env.CI === 'true') throw error
    return { davey: undefined, skip: `the npm registry does not answer: ${error}` }
  }
}
