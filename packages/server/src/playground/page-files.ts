// Where the page's files come from: built with the package, or, in a checkout, made from source when they are asked for.
import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const BUILT = new URL('../../dist/page/', import.meta.url)
/** Of a checkout; a package does not have it. */
const BUNDLER = new URL('../../../playground/bundle.mjs', import.meta.url)
const BUILD_TIMEOUT = 60_000
const MOST_OUTPUT = 32 * 1024 * 1024

/** By path, such as `assets/index-4f3a.js`. Rejects if there are none and none can be made. */
export function pageFiles(): Promise<ReadonlyMap<string, Buffer>> {
  return import.meta.url.endsWith('.ts') ? made() : built()
}

async function built(): Promise<ReadonlyMap<string, Buffer>> {
  const entries = await readdir(BUILT, { recursive: true, withFileTypes: true })
  const root = fileURLToPath(BUILT)
  const files = entries.filter(entry => entry.isFile())
  return new Map(
    await Promise.all(
      files.map(async ({ parentPath, name }): Promise<[string, Buffer]> => {
        const path = `${parentPath}/${name}`.replaceAll('\\', '/')
        return [path.slice(root.length).replace(/^\/+/, ''), await readFile(path)]
      }),
    ),
  )
}

/** In a process of its own: whoever talks in this one meanwhile is not to stutter. */
async function made(): Promise<ReadonlyMap<string, Buffer>> {
  const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(BUNDLER), '--json'], {
    timeout: BUILD_TIMEOUT,
    maxBuffer: MOST_OUTPUT,
  })
  const files = JSON.parse(stdout) as Record<string, string>
  return new Map(Object.entries(files).map(([path, text]) => [path, Buffer.from(text, 'base64')]))
}
