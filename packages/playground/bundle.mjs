// Makes the page: `node bundle.mjs FOLDER` writes its files there; `--json` prints them, base64 by path.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const workspaces = fileURLToPath(new URL('..', import.meta.url))
const { output } = await build({
  root: fileURLToPath(new URL('.', import.meta.url)),
  configFile: false,
  envFile: false,
  publicDir: false,
  logLevel: 'error',
  base: './',
  // The source of the other workspaces, so that the page needs no build of them: entry point NAME is `src/NAME.ts`.
  resolve: {
    alias: [
      { find: /^@parley\/([a-z]+)$/, replacement: `${workspaces}$1/src/index.ts` },
      { find: /^@parley\/([a-z]+)\/([a-z-]+)$/, replacement: `${workspaces}$1/src/$2.ts` },
    ],
  },
  build: {
    write: false,
    target: 'es2022',
    // Every byte comes from a file of ours: the page's policy allows no data: scripts or fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
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
