// A DAVE client like a bot's: the real library with the message handling of discord.js.
import { decodeTransition, VoiceOp } from '@parley/protocol'
import davey from '@snazzah/davey'
import type { CallClient, Faults, FromClient, FromNode, GroupView } from './call-client.ts'

const AUDIO = 0

export class DaveyClient implements CallClient {
  readonly userId: string
  readonly voiceState = {}
  readonly channelId: string
  readonly claimedVersion: number
  readonly inbox: FromNode[] = []
  readonly outbox: FromClient[] = []
  readonly connected = new Set<string>()
  /** Every received opcode. */
  readonly seen: string[] = []
  faults: Faults = {}
  library: InstanceType<typeof davey.DAVESession> | undefined
  version = 0
  refusesSealed = false
  /** Errors of the library that discord.js would not catch. */
  thrown: unknown[] = []
  invalids = 0
  /** The module of the library. */
  readonly #davey: typeof davey
  readonly #pending = new Map<number, number>()
  /** Epochs of the group for which the client received proposals. */
  readonly #proposed = new Set<bigint | null>()
  #recovering = false

  /** `module`: another build of the library. */
  constructor(userId: string, channelId: string, claimedVersion = 1, module = davey) {
    this.#davey = module
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

  /** Processes the next message from the node. */
  receive(): void {
    const message = this.inbox.shift()
    if (message === undefined) return
    this.seen.push(String(message.op))
    try {
      if ('payload' in message) this.#receiveBinary(message.op, Buffer.from(message.payload))
      else this.#receiveText(message.op, message.data as Record<string, number> & { user_ids?: string[] })
    } catch (error) {
      // The node sent these proposals before it received the client's report; the client has already reset its group.
      if (!this.#recovering || message.op !== VoiceOp.DaveProposals) this.thrown.push(error)
    }
  }

  encrypt(frame: Buffer): Buffer {
    if (this.version === 0 || !this.library?.ready) return frame
    return this.library.encryptOpus(frame)
  }
  /** The decrypted frame, or the error. */
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

  /** Libraries disagree about a second batch of proposals in one epoch, so the node must not send one. */
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

  /** Sends Invalid Commit Welcome (op 31) and resets the group. */
  recover(transitionId: number): void {
    if (this.#recovering && !this.faults.reportsAll) return
    this.#recovering = true
    this.invalids++
    this.#say({ op: VoiceOp.DaveInvalidCommitWelcome, transitionId })
    this.#reinit()
  }

  #reinit(): void {
    this.#proposed.clear()
    if (this.library === undefined) this.library = new this.#davey.DAVESession(1, this.userId, this.channelId)
    else this.library.reinit(1, this.userId, this.channelId)
    this.#say({ op: VoiceOp.DaveKeyPackage, payload: this.library.getSerializedKeyPackage() })
  }

  #say(message: FromClient): void {
    if (!this.faults.silent?.has(message.op)) this.outbox.push(message)
  }
}
