// The WebAssembly of @snazzah/davey, for web pages. npm installs that package on the platform `wasm32` only, so that it is packed
// from the registry once, into `.cache`, in the version and with the checksum of package-lock.json.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const PACKAGE = '@snazzah/davey-wasm32-wasi'
const FILE = 'davey.wasm32-wasi.wasm'
/** Milliseconds for the download: half of what a node waits for its page. */
const PATIENCE = 30_000

/** Path of the file. Rejects if the registry cannot be reached, or has other bytes than the lock file says. */
export async function daveyWasm() {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'))
  const { version, integrity } = packages[`node_modules/${PACKAGE}`]
  const path = join(ROOT, '.cache', `davey-wasm-${version}`, FILE)
  if (existsSync(path)) return path
  const wasm = fileOf(gunzipSync(await packed(`${PACKAGE}@${version}`, integrity)), `package/${FILE}`)
  mkdirSync(join(path, '..'), { recursive: true })
  // Other processes may do the same at the same time.
  writeFileSync(`${path}.${process.pid}`, wasm)
  renameSync(`${path}.${process.pid}`, path)
  return path
}

async function packed(spec, integrity) {
  const folder = mkdtempSync(join(tmpdir(), 'parley-davey-'))
  try {
    // A machine without the registry shall not wait for it for a minute.
    const retries = ['--fetch-retries', '2', '--fetch-retry-mintimeout', '1000', '--fetch-retry-maxtimeout', '2000']
    const args = ['pack', '--json', '--prefer-offline', ...retries, '--pack-destination', folder, spec]
    const options = { cwd: folder, shell: process.platform === 'win32', timeout: PATIENCE }
    const [{ filename }] = JSON.parse((await promisify(execFile)('npm', args, options)).stdout)
    const bytes = readFileSync(join(folder, filename))
    const found = `sha512-${createHash('sha512').update(bytes).digest('base64')}`
    if (found !== integrity) throw new Error(`${spec}: expected ${integrity}, found ${found}`)
    return bytes
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A file of an uncompressed tar archive: blocks of 512 bytes, each file after its header. */
function fileOf(archive, name) {
  for (let at = 0; at < archive.length; ) {
    const text = (from, length) => archive.toString('latin1', at + from, at + from + length).split('\0', 1)[0]
    const size = Number.parseInt(text(124, 12), 8) || 0
    if (text(0, 100) === name) return archive.subarray(at + 512, at + 512 + size)
    at += 512 + Math.ceil(size / 512) * 512
  }
  throw new Error(`expected ${name} in the package`)
}
