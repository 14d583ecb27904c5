// The browser's part of `@parley/client` for pages of tests: its API, its worker, and the WebAssembly of the DAVE library.
import { readFileSync } from 'node:fs'
import { bundle } from '../../packages/client/build/bundle.mjs'
import { daveyWasm } from '../../packages/client/build/davey-wasm.mjs'

let built: Promise<Map<string, Buffer>> | undefined

/** Files by path: `/browser.js`, `/dave-worker.js`, what both import, and `/davey.wasm`. Built once per process. */
export function daveScripts(): Promise<Map<string, Buffer>> {
  built ??= buildScripts()
  return built
}

async function buildScripts(): Promise<Map<string, Buffer>> {
  const [wasm, files] = await Promise.all([daveyWasm(), bundle('browser', 'dave-worker')])
  const scripts = Array.from(files, ([name, code]) => [`/${name}`, Buffer.from(code)] as const)
  return new Map([...scripts, ['/davey.wasm', readFileSync(wasm)]])
}
