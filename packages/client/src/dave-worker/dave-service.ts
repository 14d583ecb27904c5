// Answers the requests of a page in its worker: loads the library, then passes commands and transforms to the DAVE host.

import type { WorkerReply, WorkerRequest } from '../browser/worker-messages.ts'
import type { DaveLibrary } from '../voice/dave/dave.ts'
import { DaveHost } from './dave-host.ts'
import type { Transformer } from './encoded-frame.ts'
import { runTransform } from './frame-streams.ts'

type Load = (wasm: string | Uint8Array) => Promise<DaveLibrary>

/** One per worker. Requests before `load` are not answered: pages wait for its result. */
export class DaveService {
  readonly #load: Load
  readonly #reply: (reply: WorkerReply) => void
  #host: DaveHost | undefined

  constructor(load: Load, reply: (reply: WorkerReply) => void) {
    this.#load = load
    this.#reply = reply
  }

  request(request: WorkerRequest): void {
    switch (request.kind) {
      case 'load':
        return void this.#open(request.wasm)
      case 'dave':
        return this.#host?.command(request.command)
      case 'sources':
        return this.#host?.setSources(request.sources)
      case 'codecs':
        return this.#host?.setCodecs(request.codecs)
      case 'report':
        if (this.#host !== undefined) this.#reply({ kind: 'report', id: request.id, report: this.#host.report })
        return
      case 'verify':
        return void this.#verify(request.id, request.userId)
    }
  }

  async #verify(id: number, userId: string): Promise<void> {
    try {
      this.#reply({ kind: 'verification', id, code: await this.#host?.verificationCode(userId) })
    } catch (error) {
      this.#reply({ kind: 'refused', id, reason: reasonOf(error) })
    }
  }

  /** A sender or receiver of the page got a transform. */
  transform(transformer: Transformer): void {
    // It ends with an error where the page closes its connection.
    if (this.#host !== undefined) runTransform(this.#host, transformer).catch(() => {})
  }

  async #open(wasm: string | Uint8Array): Promise<void> {
    try {
      const library = await this.#load(wasm)
      this.#host = new DaveHost(library, event => this.#reply({ kind: 'dave', event }))
      this.#reply({ kind: 'loaded', version: library.version })
    } catch (error) {
      this.#reply({ kind: 'failed', reason: reasonOf(error) })
    }
  }
}

const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
