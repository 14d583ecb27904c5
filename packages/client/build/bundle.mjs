// Bundles sources of this package for web pages.
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Bundles `src/NAME.ts` of each name. Resolves with the code of each file by its name; modules of several entries have files of their own. */
export async function bundle(...names) {
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
      rolldownOptions: {
        input: names.map(name => `${root}src/${name}.ts`),
        output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: '[name].js' },
        preserveEntrySignatures: 'strict',
      },
    },
  })
  return new Map(output.map(({ fileName, code }) => [fileName, code]))
}
