// Builds `dist/dave-worker.js`, the script of the DAVE worker with everything that it needs, and `dist/davey.wasm`.
import { copyFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { bundle } from './bundle.mjs'
import { daveyWasm } from './davey-wasm.mjs'

const dist = fileURLToPath(new URL('../dist/', import.meta.url))
const files = await bundle('dave-worker')
if (files.size > 1) throw new Error(`expected one file, found ${files.size}`)
for (const [name, code] of files) writeFileSync(`${dist}${name}`, code)
copyFileSync(await daveyWasm(), `${dist}davey.wasm`)
