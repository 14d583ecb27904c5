// MLS of the members of an encrypted load. One member commits with davey, in another process; the others have davey's key packages,
// and their commits arrive after the accepted one, as in a call. Frames are not encrypted, because a node does not inspect them.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { DaveKeys, DaveLibrary } from '../../../packages/client/src/voice/dave/dave.ts'

export type MlsQuestion =
  | { kind: 'keyPackage'; userId: string; channelId: string }
  | { kind: 'committer'; userId: string; channelId: string }
  | { kind: 'sender'; bytes: Uint8Array }
  | { kind: 'proposals'; bytes: Uint8Array; users: string[] }
  | { kind: 'commit'; bytes: Uint8Array }
  /** Members of the committer's group. */
  | { kind: 'size' }
export interface MlsAnswer {
  id: number
  answer: Uint8Array | number | undefined
}

/** Sends op 28 of the member. */
export type SendCommit = (commit: Uint8Array) => void

const PROCESS = fileURLToPath(new URL('mls-process.ts', import.meta.url))
const VERSION = 1

export class Mls {
  readonly #child: ChildProcess
  readonly #pending = new Map<number, (answer: MlsAnswer['answer']) => void>()
  #last = 0
  /** Called when the committer receives proposals. */
  proposed: () => void = () => {}
  /** Number of members that had to reset their group, after which the measured group is another one. */
  restarts = 0
  #commit: Uint8Array | undefined

  constructor() {
    this.#child = fork(PROCESS, { serialization: 'advanced' })
    this.#child.on('message', ({ id, answer }: MlsAnswer) => {
      this.#pending.get(id)?.(answer)
      this.#pending.delete(id)
    })
  }

  ask(question: MlsQuestion): Promise<MlsAnswer['answer']> {
    const id = ++this.#last
    return new Promise(resolve => {
      this.#pending.set(id, resolve)
      this.#child.send({ id, question })
    })
  }

  /** Creates the DAVE library of one join. */
  async library(
    kind: 'committer' | 'keyPackage',
    userId: string,
    channelId: string,
    send: SendCommit,
  ): Promise<DaveLibrary> {
    const keyPackage = (await this.ask({ kind, userId, channelId })) as Uint8Array
    const first = this.#once(keyPackage)
    const keys = kind === 'committer' ? this.#committer(first, send) : this.#late(first, send)
    return { version: VERSION, keysFor: () => keys }
  }

  async close(): Promise<void> {
    const exited = once(this.#child, 'exit')
    this.#child.kill()
    await exited
  }

  #once(keyPackage: Uint8Array): () => Uint8Array {
    let isUsed = false
    return () => {
      if (isUsed) this.restarts++
      isUsed = true
      return keyPackage
    }
  }

  #committer(reset: () => Uint8Array, send: SendCommit): DaveKeys {
    return {
      ...NO_FRAMES,
      reset,
      setExternalSender: bytes => void this.ask({ kind: 'sender', bytes }),
      answer: (bytes, users) => {
        this.proposed()
        void this.#answer(bytes, users, send)
        return undefined
      },
      processCommit: bytes => void this.ask({ kind: 'commit', bytes }),
      processWelcome: () => {},
    }
  }

  async #answer(bytes: Uint8Array, users: readonly string[], send: SendCommit): Promise<void> {
    const commit = await this.ask({ kind: 'proposals', bytes, users: [...users] })
    if (!(commit instanceof Uint8Array)) return
    this.#commit = commit
    send(commit)
  }

  /** A member that commits too late: sends a commit of the same size after the accepted one was announced. */
  #late(reset: () => Uint8Array, send: SendCommit): DaveKeys {
    let isAsked = false
    return {
      ...NO_FRAMES,
      reset,
      setExternalSender: () => {},
      answer: () => {
        isAsked = true
        return undefined
      },
      processCommit: () => {
        if (isAsked && this.#commit !== undefined) send(this.#commit)
        isAsked = false
      },
      processWelcome: () => {},
    }
  }
}

const NO_FRAMES = {
  isReady: false,
  privacyCode: undefined,
  userIds: [],
  seal: (frame: Uint8Array) => frame,
  open: (_userId: string, frame: Uint8Array) => frame,
  allowClear: () => {},
}
