// A DAVE client as bots are built: the real library, with the glue around it that discord.js has.
import { decodeTransition, VoiceOp } from '@parley/protocol'
import davey from '@snazzah/davey'
import type { CallClient, Faults, FromClient, FromNode, GroupView } from './call-client.ts'

const AUDIO = 0

export class DaveyClient implements CallClient {
  readonly userId: string
  readonly channelId: string
  readonly claimedVersion: number
  readonly inbox: FromNode[] = []
  readonly outbox: FromClient[] = []
  readonly connected = new Set<string>()
  /** Every opcode that arrived, with the transition id where there is one. */
  readonly seen: string[] = []
  faults: Faults = {}
  library: InstanceType<typeof davey.DAVESession> | undefined
  version = 0
  refusesSealed = false
  /** What the library threw where discord.js would not catch it. */
  thrown: unknown[] = []
  invalids = 0
  readonly #pending = new Map<number, number>()
  /** Epochs of its group for which it was sent proposals. */
  readonly #proposed = new Set<bigint | null>()
  #recovering = false

  constructor(userId: string, channelId: string, claimedVersion = 1) {
    this.userId = userId
    this.channelId = channelId
    this.claimedVersion = claimedVersion
  }

  sendText(op: VoiceOp, text: string): void {
    this.inbox.push({ op, data: JSON.parse(text) })
  }
  sendBinary(op: VoiceOp, payload: Uint8Array): void {
    this.inbox.push({ op, payload })
  }

  refuseSealed(): void {
    this.refusesSealed = true
  }

  /** Takes the next message of the node. */
  receive(): void {
    const message = this.inbox.shift()
    if (message === undefined) return
    this.seen.push(String(message.op))
    try {
      if ('payload' in message) this.#receiveBinary(message.op, Buffer.from(message.payload))
      else this.#receiveText(message.op, message.data as Record<string, number> & { user_ids?: string[] })
    } catch (error) {
      // Proposals that were sent before its report was heard: it has begun anew, and no server can know yet.
      if (!this.#recovering || message.op !== VoiceOp.DaveProposals) this.thrown.push(error)
    }
  }

  encrypt(frame: Buffer): Buffer {
    if (this.version === 0 || !this.library?.ready) return frame
    return this.library.encryptOpus(frame)
  }
  /** The frame, or the error why not. */
  decrypt(userId: string, frame: Buffer): Buffer | Error {
    if (this.library === undefined || this.version === 0) return frame
    try {
      return this.library.decrypt(userId, AUDIO, frame)
    } catch (error) {
      return error as Error
    }
  }

  view(): GroupView | undefined {
    const { library } = this
    const authenticator = library?.getEpochAuthenticator()?.toString('hex')
    if (library === undefined || authenticator === undefined) return undefined
    return { epoch: Number(library.epoch), authenticator, users: library.getUserIds(), leaf: library.ownLeafIndex! }
  }

  #receiveText(op: number, data: Record<string, number> & { user_ids?: string[] }): void {
    switch (op) {
      case VoiceOp.SessionDescription:
        this.version = data.dave_protocol_version!
        if (this.version > 0) this.#reinit()
        return
      case VoiceOp.ClientsConnect:
        for (const id of data.user_ids ?? []) this.connected.add(id)
        return
      case VoiceOp.ClientDisconnect:
        this.connected.delete(String(data.user_id))
        return
      case VoiceOp.DavePrepareEpoch:
        if (data.epoch !== 1) return
        this.version = data.protocol_version!
        return this.#reinit()
      case VoiceOp.DavePrepareTransition:
        return this.#prepare(data.transition_id!, data.protocol_version!)
      case VoiceOp.DaveExecuteTransition:
        return this.#execute(data.transition_id!)
    }
  }

  #prepare(id: number, version: number): void {
    this.#pending.set(id, version)
    if (id === 0) return this.#execute(0)
    if (version === 0) this.library?.setPassthroughMode(true, 24)
    this.#say({ op: VoiceOp.DaveTransitionReady, transitionId: id })
  }

  #execute(id: number): void {
    const version = this.#pending.get(id)
    if (version === undefined) return
    this.version = version
    this.#pending.delete(id)
    this.#recovering = false
  }

  #receiveBinary(op: number, payload: Buffer): void {
    if (this.library === undefined) throw new Error('no DAVE session')
    if (op === VoiceOp.DaveExternalSender) this.library.setExternalSender(payload)
    else if (op === VoiceOp.DaveProposals) this.#answer(payload)
    else if (op === VoiceOp.DaveAnnounceCommit)
      this.#use('breakCommits', payload, body => this.library!.processCommit(body))
    else if (op === VoiceOp.DaveWelcome) this.#use('breakWelcomes', payload, body => this.library!.processWelcome(body))
  }

  /** A second batch in one epoch is what libraries disagree about. */
  #answer(payload: Buffer): void {
    const { epoch } = this.library!
    if (this.#proposed.has(epoch)) throw new Error(`a second batch in epoch ${epoch}`)
    this.#proposed.add(epoch)
    const { commit, welcome } = this.library!.processProposals(payload[0]!, payload.subarray(1), [...this.connected])
    if (commit === undefined) return
    const message = welcome === undefined ? commit : Buffer.concat([commit, welcome])
    const sent = this.faults.commit === undefined ? message : this.faults.commit(message)
    if (sent !== undefined) this.#say({ op: VoiceOp.DaveCommitWelcome, payload: sent })
  }

  #use(fault: 'breakCommits' | 'breakWelcomes', payload: Buffer, process: (body: Buffer) => void): void {
    const { transitionId, body } = decodeTransition(payload)
    const bytes = Buffer.from(body)
    const left = this.faults[fault] ?? 0
    if (left > 0) {
      this.faults[fault] = left - 1
      bytes[bytes.length - 1]! ^= 1
    }
    try {
      process(bytes)
    } catch {
      return this.recover(transitionId)
    }
    this.#pending.set(transitionId, this.version)
    this.#say({ op: VoiceOp.DaveTransitionReady, transitionId })
  }

  /** Op 31, and a new beginning. */
  recover(transitionId: number): void {
    if (this.#recovering) return
    this.#recovering = true
    this.invalids++
    this.#say({ op: VoiceOp.DaveInvalidCommitWelcome, transitionId })
    this.#reinit()
  }

  #reinit(): void {
    this.#proposed.clear()
    if (this.library === undefined) this.library = new davey.DAVESession(1, this.userId, this.channelId)
    else this.library.reinit(1, this.userId, this.channelId)
    this.#say({ op: VoiceOp.DaveKeyPackage, payload: this.library.getSerializedKeyPackage() })
  }

  #say(message: FromClient): void {
    if (!this.faults.silent?.has(message.op)) this.outbox.push(message)
  }
}
