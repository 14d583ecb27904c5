// Runs inside an installed consumer: the script of the DAVE worker, in the place of a browser's worker.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

globalThis.postMessage = reply => console.log(JSON.stringify(reply))
await import('@parley/client/dave-worker')
const wasm = readFileSync(fileURLToPath(import.meta.resolve('@parley/client/davey.wasm')))
globalThis.onmessage({ data: { kind: 'load', wasm: new Uint8Array(wasm) } })
