// Where the keys of a voice session are: in its thread, in another one, or nowhere.
import { VoiceOp } from '@parley/protocol'
import { ClientDave, type DaveLibrary, outletTo, type RemoteDave } from './dave.ts'
import type { DaveCommand, DaveEvent, DaveOutput } from './dave-messages.ts'

/** The options of a session that matter here. */
interface Options {
  dave?: DaveLibrary | RemoteDave | undefined
  userId: string
  channelId?: string | undefined
  serverId: string
}

type Push = (output: DaveOutput | { kind: 'dave'; command: DaveCommand }) => void

/** The JSON messages of DAVE. */
const TEXT_OPS: ReadonlySet<number> = new Set([
  VoiceOp.DavePrepareTransition,
  VoiceOp.DaveExecuteTransition,
  VoiceOp.DavePrepareEpoch,
])

const isLibrary = (dave: DaveLibrary | RemoteDave | undefined): dave is DaveLibrary =>
  dave !== undefined && 'keysFor' in dave

/** DAVE in the thread of the session; undefined without a library there. */
export function localDaveOf({ dave, userId, channelId, serverId }: Options, push: Push): ClientDave | undefined {
  return isLibrary(dave) ? new ClientDave(dave.keysFor(userId, channelId ?? serverId), outletTo(push)) : undefined
}

/** DAVE in another thread; undefined without a library there. */
export function remoteDaveOf(options: Options, push: Push): RemoteDaveSession | undefined {
  const { dave, userId, channelId, serverId } = options
  if (dave === undefined || isLibrary(dave) || dave.version === 0) return undefined
  return new RemoteDaveSession(userId, channelId ?? serverId, push)
}

/** Passes the DAVE messages of a session to another thread, as `ClientDave` processes them in its own. */
export class RemoteDaveSession {
  readonly #userId: string
  readonly #channelId: string
  readonly #push: Push
  /** Counts Session Descriptions. Events of an earlier one belong to a group that no longer exists. */
  #generation = 0

  constructor(userId: string, channelId: string, push: Push) {
    this.#userId = userId
    this.#channelId = channelId
    this.#push = push
  }

  described(version: number): void {
    const generation = ++this.#generation
    this.#command({ kind: 'described', generation, version, userId: this.#userId, channelId: this.#channelId })
  }

  /** Returns false for opcodes that do not belong to DAVE. */
  receive(op: number, data: unknown): boolean {
    if (!TEXT_OPS.has(op)) return false
    this.#command({ kind: 'text', op, data })
    return true
  }

  receiveBinary(op: number, payload: Uint8Array, members: Iterable<{ userId: string }>): void {
    const userIds = Array.from(members, ({ userId }) => userId)
    // A copy: cloning a view clones all the memory behind it.
    this.#command({ kind: 'binary', op, payload: payload.slice(), userIds })
  }

  /** An event of the other thread. */
  take({ generation, output }: DaveEvent): void {
    if (generation === this.#generation) this.#push(output)
  }

  /** The session has ended. */
  end(): void {
    this.#generation++
    this.#command({ kind: 'ended' })
  }

  #command(command: DaveCommand): void {
    this.#push({ kind: 'dave', command })
  }
}
