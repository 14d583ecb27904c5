// Builds `dist/dave-worker.js`, the script of the DAVE worker with everything that it needs, and `dist/davey.wasm`.
import { copyFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { daveyWasm } from './davey-wasm.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const { output } = await build({
  root,
  configFile: false,
  envFile: false,
  publicDir: false,
  logLevel: 'error',
  resolve: { alias: [{ find: '@parley/protocol', replacement: `${root}../protocol/src/index.ts` }] },
  build: {
    write: false,
    target: 'es2022',
    rollupOptions: { input: `${root}src/dave-worker.ts`, output: { format: 'es', entryFileNames: 'dave-worker.js' } },
  },
})
const [{ code }, ...others] = output
if (others.length > 0) throw new Error(`expected one file, found ${others.length + 1}`)
writeFileSync(`${root}dist/dave-worker.js`, code)
copyFileSync(await daveyWasm(), `${root}dist/davey.wasm`)
