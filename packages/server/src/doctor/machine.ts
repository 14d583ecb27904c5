// What the checks need to know of this machine.
import { lookup } from 'node:dns/promises'
import { readFileSync } from 'node:fs'
import { chooseEngine, type EngineChoice } from '../lane/engine/engine.ts'
import { machineAddresses } from '../net/media-addresses.ts'

/** Everything that a check reads besides the configuration, so that tests describe a machine instead of having one. */
export interface Machine {
  /** Milliseconds since 1970. */
  readonly now: number
  readonly platform: string
  /** Such as `20.19.0`. */
  readonly nodeVersion: string
  /** Addresses of its interfaces, without loopback and link-local ones. */
  readonly addresses: readonly string[]
  /** A file of /proc; undefined if it cannot be read. */
  read(path: string): string | undefined
  /** The addresses of a host name; empty if it has none. */
  resolve(host: string): Promise<readonly string[]>
  /** The engine that would run, and why; the reason alone if the ffi engine is required and cannot. */
  engine(): Promise<EngineChoice | string>
}

/** `engine` and `lanes` as in the configuration: the choice of the engine depends on both. */
export const thisMachine = (engine: 'auto' | 'ffi' | 'portable', lanes: number): Machine => ({
  now: Date.now(),
  platform: process.platform,
  nodeVersion: process.versions.node,
  addresses: machineAddresses(),
  read: path => {
    try {
      return readFileSync(path, 'utf8')
    } catch {
      return undefined
    }
  },
  resolve: async host => {
    try {
      return (await lookup(host, { all: true })).map(({ address }) => address)
    } catch {
      return []
    }
  },
  engine: async () => {
    const choice = await chooseEngine(engine, lanes)
    return choice.ok ? choice.value : choice.reason
  },
})
