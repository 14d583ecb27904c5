// The backend of a conformance run, for one case: the nodes that it connects to, and the commands that drive it.
import { randomInt } from 'node:crypto'
import { selfSignedCertificate } from '../../net/self-signed.ts'
import { applies, CaseFailure } from '../checked-case.ts'
import { DriverError, type DriverEvent } from '../driver.ts'
import { type Behaviour, type NodePlace, ScriptedNode } from './scripted-node.ts'

/** Name of the event that answers each command (docs/conformance.md). */
export const BACKEND_ANSWERS = { join: 'joined', leave: 'left', mute: 'muted', end: 'ended' } as const
export type BackendCommandName = keyof typeof BACKEND_ANSWERS

/** A running backend: a process, or one that a test runs itself. */
export interface BackendDriver {
  /** Why it has ended; undefined while it runs. */
  readonly exit: string | undefined
  readonly stderr: string
  /** Rejects with a `DriverError`. */
  call(command: BackendCommandName, fields: object, within: number): Promise<DriverEvent>
  end(): Promise<void>
}

/** Starts the backend with the variables that tell it where its nodes are. */
export type StartBackend = (environment: Readonly<Record<string, string>>) => BackendDriver

export interface Seat {
  user_id: string
  channel_id: string
  guild_id: string
}

const FIRST_ID = 1_400_000_000_000_000_000n
const WAIT = 15_000

export class BackendUnderTest {
  readonly #start: StartBackend
  /** Whether commands can be given. */
  readonly #isDriven: boolean
  readonly #place: NodePlace | undefined
  readonly #nodes: ScriptedNode[] = []
  #driver: BackendDriver | undefined
  #ids = FIRST_ID + BigInt(randomInt(2 ** 40)) * 1_000n

  constructor(start: StartBackend, isDriven: boolean, place?: NodePlace) {
    this.#start = start
    this.#isDriven = isDriven
    this.#place = place
  }

  /** Opens a node and starts the backend with it. */
  async start(behaviour?: Partial<Behaviour>): Promise<ScriptedNode> {
    const node = await this.addNode(behaviour)
    this.run()
    return node
  }

  /** Opens a node; the backend is not started. */
  async addNode(behaviour?: Partial<Behaviour>, place = this.#place): Promise<ScriptedNode> {
    const node = await ScriptedNode.open(behaviour, place)
    this.#nodes.push(node)
    return node
  }

  /** Opens a node whose certificate the backend does not know, and starts the backend. Skips the case without TLS. */
  async startUntrusted(): Promise<ScriptedNode> {
    const { host, tls } = this.#place ?? {}
    applies(tls !== undefined, 'the nodes have no certificates (--tls)')
    const node = await this.addNode(undefined, { host: host!, tls: selfSignedCertificate(Date.now(), [host!]) })
    this.run()
    return node
  }

  /** Starts the backend with the nodes that are open: the first one in variables without a number, the second with `_2`. */
  run(): void {
    const environment = this.#nodes.flatMap(({ url, secret }, index) => {
      const suffix = index === 0 ? '' : `_${index + 1}`
      return [
        [`PARLEY_LVSP_URL${suffix}`, url],
        [`PARLEY_LVSP_SECRET${suffix}`, secret],
      ]
    })
    this.#driver = this.#start(Object.fromEntries(environment))
  }

  /** Skips the case if the backend is only observed. */
  needsCommands(): void {
    applies(this.#isDriven, 'the case needs commands, and the backend is only observed (--observe)')
  }

  /** Ids that no other case uses. */
  seat(): Seat {
    return { user_id: this.id(), channel_id: this.id(), guild_id: this.id() }
  }
  id(): string {
    return String(this.#ids++)
  }

  /** Rejects with a `CaseFailure` if the backend does not do it. */
  async do(command: BackendCommandName, fields: object): Promise<DriverEvent> {
    this.needsCommands()
    try {
      return await this.#driver!.call(command, fields, WAIT)
    } catch (error) {
      if (error instanceof DriverError) throw new CaseFailure(error.message)
      throw error
    }
  }

  /** Whether the command fails, as it should. Rejects with a `CaseFailure` if there is no answer. */
  async fails(command: BackendCommandName, fields: object): Promise<boolean> {
    try {
      await this.do(command, fields)
      return false
    } catch (error) {
      if (error instanceof CaseFailure && !/no answer within|ended/.test(error.message)) return true
      throw error
    }
  }

  /** Why the process has ended; undefined while it runs. */
  get exit(): string | undefined {
    return this.#driver?.exit
  }
  get stderr(): string {
    return this.#driver?.stderr ?? ''
  }

  /** Ends the process. */
  async stop(): Promise<void> {
    await this.#driver?.end()
  }

  async close(): Promise<void> {
    await this.stop()
    await Promise.all(this.#nodes.map(node => node.close()))
  }
}
