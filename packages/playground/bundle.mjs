// Builds the playground and the dashboard: `node bundle.mjs FOLDER` writes its files to a folder; `--json` prints them as base64, by path.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { daveyWasm } from '../client/build/davey-wasm.mjs'

const workspaces = fileURLToPath(new URL('..', import.meta.url))
/** Without the registry, a user's checkout has a page without DAVE; a release and CI need it. */
const needsDave = !process.argv.includes('--json') || process.env.CI === 'true'
const wasm = await daveyWasm().catch(error => {
  if (needsDave) throw error
  return undefined
})
const DAVEY_WASM = /^@snazzah\/davey-wasm32-wasi\/[^?]*/
/** Resolves the library to an empty URL where there is none. */
const withoutDave = {
  name: 'without-dave',
  enforce: 'pre',
  resolveId: id => (DAVEY_WASM.test(id) ? '\0no-davey' : undefined),
  load: id => (id === '\0no-davey' ? "export default ''" : undefined),
}
const { output } = await build({
  root: fileURLToPath(new URL('.', import.meta.url)),
  configFile: false,
  envFile: false,
  publicDir: false,
  logLevel: 'error',
  base: './',
  // Sources of the other workspaces, so that they need no build: the entry point NAME is `src/NAME.ts`.
  resolve: {
    alias: [
      { find: /^@parley\/([a-z]+)$/, replacement: `${workspaces}$1/src/index.ts` },
      { find: /^@parley\/([a-z]+)\/([a-z-]+)$/, replacement: `${workspaces}$1/src/$2.ts` },
      ...(wasm === undefined ? [] : [{ find: DAVEY_WASM, replacement: wasm }]),
    ],
  },
  plugins: wasm === undefined ? [withoutDave] : [],
  worker: { format: 'es' },
  build: {
    write: false,
    target: 'es2022',
    // The page's Content-Security-Policy allows no `data:` URLs for scripts and fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: ['index.html', 'dashboard.html'].map(name => fileURLToPath(new URL(name, import.meta.url))),
    },
  },
})
const files = output.map(file => [file.fileName, Buffer.from(file.type === 'chunk' ? file.code : file.source)])

const [target] = process.argv.slice(2)
if (target === '--json') {
  process.stdout.write(
    JSON.stringify(Object.fromEntries(files.map(([name, bytes]) => [name, bytes.toString('base64')]))),
  )
} else {
  rmSync(target, { recursive: true, force: true })
  for (const [name, bytes] of files) {
    mkdirSync(dirname(join(target, name)), { recursive: true })
    writeFileSync(join(target, name), bytes)
  }
}
