// Tests that need networks of their own run in network namespaces: Linux, as root.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const LOADER = fileURLToPath(new URL('../../packages/server/bin/source.mjs', import.meta.url))

/** Why there is no machine of its own for a test; false if there is one. In CI that is a failure. */
export function missingNamespaces(): string | false {
  return missing(['ip', 'link', 'set', 'lo', 'up'], 'network namespaces: Linux, unshare, ip, root')
}

/** The same for a firewall. */
export function missingFirewall(): string | false {
  return missing(['nft', 'add', 'table', 'inet', 'probe'], 'a firewall in a network namespace: nftables, unshare, root')
}

function missing(command: readonly string[], what: string): string | false {
  if (spawnSync('unshare', ['--net', ...command]).status === 0) return false
  if (process.env.CI === 'true') throw new Error(`must be tested in CI, and needs ${what}`)
  return `needs ${what}`
}

/** Runs a program of this folder in a namespace of its own. Returns the JSON that it prints. */
export function runIsolated(program: string, timeout: number): ReturnType<typeof JSON.parse> {
  const path = fileURLToPath(new URL(program, import.meta.url))
  const args = ['--net', process.execPath, '--import', LOADER, path]
  const { stdout, stderr, status } = spawnSync('unshare', args, { encoding: 'utf8', timeout })
  if (status !== 0) throw new Error(`${program}: ${status}: ${stderr}${stdout}`)
  return JSON.parse(stdout)
}
