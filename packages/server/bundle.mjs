// Bundles the built `parley` command and its lane thread into `dist/bundle`: `node bundle.mjs`, after `tsc -b`. Node.js takes longer
// to find and load four hundred modules than to run them. The library (`dist/index.js`) is not bundled: its classes are those of
// the other packages.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('.', import.meta.url))
const target = join(root, 'dist/bundle')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** Native or large, and not needed by every command; or with peers that only a package of its own can find. */
const EXTERNAL = ['koffi', 'libsodium-wrappers', '@nats-io/*', '@snazzah/davey', '@parley/spacebar']

/** The version is known here; and zod brings its messages in fifty languages. */
const replaced = {
  name: 'replaced',
  setup({ onLoad }) {
    const constant = `export const VERSION = ${JSON.stringify(version)}\n`
    onLoad({ filter: /packages\/server\/dist\/version\.js$/ }, () => ({ contents: constant }))
    onLoad({ filter: /zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js'\n",
    }))
  },
}

rmSync(target, { recursive: true, force: true })
const { metafile } = await build({
  // The thread is found beside the module that starts it, and files of the package two folders above.
  entryPoints: { parley: join(root, 'dist/cli/main.js'), 'lane-worker': join(root, 'dist/lane/thread/lane-worker.js') },
  outdir: target,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  external: [...EXTERNAL, 'bufferutil', 'utf-8-validate'],
  plugins: [replaced],
  // CommonJS packages in the bundle call `require` for modules of Node.js.
  banner: {
    js: "import { createRequire as createBundleRequire } from 'node:module'\nconst require = createBundleRequire(import.meta.url)",
  },
  absWorkingDir: root,
  metafile: true,
  logLevel: 'warning',
})
writeFileSync(join(target, 'third-party.txt'), licences(Object.keys(metafile.inputs)))

/** The licence of each package that the bundle contains. */
function licences(inputs) {
  const folders = new Set(inputs.flatMap(input => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input) ?? []))
  const texts = [...folders].sort().map(folder => {
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
    const file = ['LICENSE', 'LICENSE.md', 'license', 'LICENCE'].map(each => join(root, folder, each)).find(existsSync)
    return `${name} ${version}: ${license}\n\n${file === undefined ? '' : readFileSync(file, 'utf8')}`
  })
  return texts.join('\n----\n\n')
}
