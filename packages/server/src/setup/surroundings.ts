// What `parley setup` finds on the machine.
import { existsSync } from 'node:fs'
import { createServer, isIPv4 } from 'node:net'
import { availableParallelism, userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { loadConfig } from '../config/config.ts'
import { ConfigError } from '../config/config-error.ts'
import { clientAddresses } from '../net/media-addresses.ts'

export interface Surroundings {
  readonly isRoot: boolean
  readonly user: string
  /** Whether systemd runs the machine. */
  readonly hasSystemd: boolean
  /** Addresses of its interfaces, without loopback, link-local ones and those of containers. */
  readonly addresses: readonly string[]
  /** Undefined if it could not be learned. */
  readonly publicAddress: string | undefined
  /** UDP ports that the node will use, from the first on. */
  readonly lanes: number
  /** Of 443, 8443 and 80, those that other programs use. */
  readonly usedPorts: readonly number[]
  /** TCP port of the node that is set up in the folder already: it is one of the used ports while that node runs. */
  readonly installedPort?: number | undefined
  /** Program and arguments of the command `parley`. */
  readonly command: readonly string[]
}

export async function surroundings(
  publicAddress: string | undefined,
  command: readonly string[],
): Promise<Surroundings> {
  const isUsed = await Promise.all([443, 8_443, 80].map(async port => ((await isTaken(port)) ? [port] : [])))
  return {
    isRoot: process.getuid?.() === 0,
    user: userInfo().username,
    hasSystemd: existsSync('/run/systemd/system'),
    addresses: clientAddresses(),
    publicAddress,
    lanes: Math.max(1, availableParallelism() - 1),
    usedPorts: isUsed.flat(),
    command,
  }
}

/** The TCP port of the node that a configuration describes; undefined without one that a node accepts. */
export function installedPort(folder: string): number | undefined {
  try {
    return loadConfig({ file: join(resolve(folder), 'parley.toml') }).http.listen.port
  } catch (error) {
    if (error instanceof ConfigError) return undefined
    throw error
  }
}

/** A port that this user may not open counts as free: the service may. */
function isTaken(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise(resolve => {
    server.once('error', error => resolve((error as NodeJS.ErrnoException).code === 'EADDRINUSE'))
    server.listen(port, () => server.close(() => resolve(false)))
  })
}

/** The address that is most likely the public one: as seen from outside, otherwise the first of the machine. */
export const likelyHost = ({ publicAddress, addresses }: Pick<Surroundings, 'publicAddress' | 'addresses'>): string =>
  publicAddress ?? addresses.find(isIPv4) ?? addresses[0] ?? ''
