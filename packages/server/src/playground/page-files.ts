// The files of the playground and the dashboard: part of the package, or in a checkout built from source on the first request.
import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { SERVER_LIMITS } from '../limits.ts'

/** The frame of the dashboard, which the admin API serves; the playground's is `index.html`. */
export const DASHBOARD = 'dashboard.html'

const PACKAGED = new URL('../../dist/page/', import.meta.url)
/** Exists in a checkout only. */
const BUNDLER = new URL('../../../playground/bundle.mjs', import.meta.url)

/** By path, such as `assets/index-4f3a.js`. Rejects if they are missing and cannot be built. */
export function pageFiles(): Promise<ReadonlyMap<string, Buffer>> {
  return import.meta.url.endsWith('.ts') ? buildFiles() : packagedFiles()
}

/** All files of the folder, read at once: there are few, and they are small. */
async function packagedFiles(): Promise<ReadonlyMap<string, Buffer>> {
  const entries = await readdir(PACKAGED, { recursive: true, withFileTypes: true })
  const root = fileURLToPath(PACKAGED)
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

/** In a separate process, so that calls in this one are not interrupted. */
async function buildFiles(): Promise<ReadonlyMap<string, Buffer>> {
  const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(BUNDLER), '--json'], {
    timeout: SERVER_LIMITS.pageBuildTimeout,
    maxBuffer: SERVER_LIMITS.maxPageBytes,
  })
  const files = JSON.parse(stdout) as Record<string, string>
  return new Map(Object.entries(files).map(([path, text]) => [path, Buffer.from(text, 'base64')]))
}
