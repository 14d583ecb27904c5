// The LVSP connection of a front to a node on the virtual clock: the client's session, and a pipe with delays that keeps the order.
import { LvspClientSession, LvspRequestError } from '@parley/client'
import {
  type BackendPresence,
  type Front,
  type FrontRequestId,
  type NodeAnswer,
  type NodeCommand,
  type NodeListing,
  type NodeRequest,
  ok,
  refused,
} from '@parley/core'
import { LvspFailure, LvspInfo, wireChannelProperties } from '@parley/protocol'
import { type LvspSocket, tokenFor } from '../../../packages/core/src/testing/lvsp-bench.ts'
import type { Faults } from './cluster-sim.ts'
import { SECRET, type SimNode } from './sim-node.ts'

/** What a link needs of the simulation. */
export interface LinkWorld {
  readonly now: number
  readonly faults: Faults
  random(): number
  after(delay: number, run: () => void): void
}

// biome-ignore lint/suspicious/noExplicitAny: answers are of the shapes of the client
type Json = any

/** The process of a front, which may be stopped. */
interface LinkedProcess {
  readonly id: string
  readonly front: Front
  input(run: () => void): void
}

/** What does not arrive, on a connection that stays. */
export type Cut = 'toNode' | 'toFront' | 'both'

export class SimLink {
  readonly session: LvspClientSession
  readonly node: SimNode
  readonly #process: LinkedProcess
  readonly #front: Front
  readonly #world: LinkWorld
  readonly #requests = new Map<number, FrontRequestId>()
  #socket: LvspSocket | undefined
  /** Of the connection; what belongs to an earlier one is lost. */
  #generation = 0
  #toNodeAt = 0
  #toFrontAt = 0
  #presence: BackendPresence = { isConnected: false, wantsVideo: false, isFresh: false }
  /** Requests for the viewers of video. */
  readonly #counts = new Map<number, FrontRequestId>()
  #isClosed = false
  #cut: Cut | undefined
  /** What TCP sends again when the cut ends. */
  #held: (() => void)[] = []

  constructor(process: LinkedProcess, node: SimNode, world: LinkWorld) {
    this.#process = process
    this.#front = process.front
    this.node = node
    this.#world = world
    this.session = new LvspClientSession({
      front: process.id,
      requestTimeout: 2_000,
      maxReconnectDelay: 2_000,
      random: () => world.random(),
    })
    this.session.start(world.now)
    this.apply()
  }

  get isCut(): boolean {
    return this.#cut !== undefined
  }

  setCut(cut: Cut | undefined): void {
    this.#cut = cut
    if (cut === undefined) for (const arrive of this.#held.splice(0)) arrive()
  }

  get deadline(): number {
    return this.#isClosed ? Infinity : this.session.deadline
  }

  tick(): void {
    this.session.tick(this.#world.now)
    this.apply()
  }

  request(id: FrontRequestId, request: NodeRequest): void {
    this.#requests.set(this.#send(request), id)
    this.apply()
  }

  command(command: NodeCommand): void {
    const [type, ...parts] = wireCommand(command)
    this.session.command(type as 2, ...(parts as []))
    this.apply()
  }

  countViews(id: FrontRequestId): void {
    this.#counts.set(this.session.request(LvspInfo.Stats, {}, this.#world.now), id)
    this.apply()
  }

  backendChanged(presence: BackendPresence): void {
    this.#presence = presence
    if (this.session.capabilities.includes('front')) this.session.command(LvspInfo.FrontBackend, frontBackend(presence))
    this.apply()
  }

  /** The connection breaks: both sides notice. */
  reset(): void {
    this.#generation++
    const socket = this.#socket
    this.#socket = undefined
    if (socket !== undefined && socket.closeCode === undefined && this.node.condition !== 'dead') socket.drop()
    this.#process.input(() => this.session.connectionClosed(1006, 'reset', this.#world.now))
  }

  /** The front's process ends. */
  close(): void {
    this.#isClosed = true
    const socket = this.#socket
    this.#generation++
    const drop = () => void (socket?.closeCode === undefined && socket?.drop())
    if (this.node.condition === 'up') drop()
    else if (this.node.condition !== 'dead') this.node.inbox.push(drop)
  }

  apply(): void {
    if (this.#isClosed) return
    for (const output of this.session.takeOutputs()) {
      const { now } = this.#world
      const { id } = this.node
      switch (output.kind) {
        case 'connect':
          this.#connect()
          break
        case 'sign':
          this.session.signed(tokenFor(SECRET, output.nonce))
          break
        case 'send':
          this.#toNode(output.data)
          break
        case 'close':
          this.#generation++
          this.#hangUp(this.#socket)
          break
        case 'connected':
          this.#front.nodeLinked(id, 'main', listingOf(output.ready), now)
          this.session.command(LvspInfo.FrontBackend, { ...frontBackend(this.#presence), fresh: false })
          break
        case 'disconnected':
          this.#front.nodeUnlinked(id, 'main')
          this.#front.linkLost(id, now)
          break
        case 'draining':
          this.#front.nodeEvent(id, 'main', { kind: 'draining', event: output.event })
          break
        case 'encryption': {
          const { protocolVersion: version, ...event } = output.event
          this.#front.nodeEvent(id, 'main', { kind: 'encryption', event: { ...event, version } })
          break
        }
        case 'speaking':
          this.#front.nodeEvent(id, 'main', { kind: 'speaking', event: output.event })
          break
        case 'videoSource':
          this.#front.nodeEvent(id, 'main', { kind: 'videoSource', event: output.event })
          break
        case 'videoView':
          this.#front.nodeEvent(id, 'main', {
            kind: 'videoView',
            event: { ...output.event, reason: output.event.reason },
          })
          break
        case 'answered':
          if (this.#counted(output.request, output.answer)) break
          this.#answered(output.request, ok({ ...grantOf(output.answer), endpoint: id }))
          break
        case 'failed': {
          if (this.#counted(output.request, {})) break
          const { code = LvspFailure.Unavailable, message } = output.failure
          const { isOfThisNode: isOfNode } = new LvspRequestError(output.failure)
          this.#answered(output.request, refused({ failure: code as LvspFailure, message, isOfNode }))
          break
        }
        case 'mirroredChannel':
          this.#front.channelMirrored(id, 'main', { ...output.item, endpoint: id })
          break
        case 'mirroredVoiceState':
          this.#front.voiceStateMirrored(id, 'main', { ...output.item, endpoint: id })
          break
        case 'receiver':
          this.#front.receiverChanged(id, 'main', output.event.receives)
          break
        case 'voiceStateConnected':
          this.#front.nodeEvent(id, 'main', { kind: 'connected', event: output.event })
          break
        case 'voiceStateDisconnected':
          this.#front.nodeEvent(id, 'main', { kind: 'disconnected', event: output.event })
          break
        case 'closed':
          throw new Error(`the link ended: ${output.reason}`)
      }
    }
    if (this.session.deadline <= this.#world.now) this.session.tick(this.#world.now)
  }

  #send(request: NodeRequest): number {
    const { now } = this.#world
    switch (request.kind) {
      case 'channel': {
        const channel_properties = wireChannelProperties(request.properties)
        return this.session.request(0, { ...wire(request.channel), channel_properties, epoch: request.epoch }, now)
      }
      case 'voiceState': {
        const { userId, sessionId, restrictions } = request.request
        return this.session.request(
          3,
          { ...wire(request.request), user_id: userId, session_id: sessionId, ...restrictions },
          now,
        )
      }
      case 'token':
        return this.session.request(22, { ...wire(request.channel), user_id: request.userId }, now)
    }
  }

  #answered(request: number, answer: NodeAnswer): void {
    const id = this.#requests.get(request)
    this.#requests.delete(request)
    if (id !== undefined) this.#front.answered(id, answer)
  }

  #counted(request: number, answer: Json): boolean {
    const id = this.#counts.get(request)
    this.#counts.delete(request)
    if (id !== undefined) this.#front.viewsCounted(id, answer.views, this.#world.now)
    return id !== undefined
  }

  #connect(): void {
    const generation = ++this.#generation
    this.#hangUp(this.#socket)
    this.#socket = undefined
    this.#world.after(this.#delay(), () => {
      if (generation !== this.#generation || this.#isClosed) return
      // A node that is stopped or cut off does not answer: the attempt ends by its timeout.
      if (this.isCut || (this.node.condition !== 'up' && this.node.condition !== 'dead')) return
      this.#process.input(() => {
        if (generation !== this.#generation) return
        if (this.node.condition === 'up') this.#open(generation)
        else this.session.connectionClosed(1006, 'refused', this.#world.now)
      })
    })
  }

  #open(generation: number): void {
    this.node.catchUp()
    const socket = this.node.bench.open()
    this.#socket = socket
    this.session.connectionOpened(this.#world.now)
    for (const text of socket.raw) this.#toFront(generation, text)
    socket.onText = text => this.#toFront(generation, text)
  }

  /** In order. What is on its way when the node is cut off is lost with the connection. */
  #toFront(generation: number, text: string): void {
    this.#toFrontAt = Math.max(this.#world.now + this.#delay(), this.#toFrontAt)
    if (this.#world.faults.lostMessages === true && this.#world.random() < 0.02) return
    this.#world.after(this.#toFrontAt - this.#world.now, () => {
      this.#arrive('toFront', () => {
        if (this.#isClosed || this.node.condition === 'cut') return
        this.#process.input(() => {
          if (generation === this.#generation) this.session.messageReceived(text, this.#world.now)
        })
      })
    })
  }

  #toNode(text: string): void {
    const socket = this.#socket
    const { boot } = this.node
    this.#toNodeAt = Math.max(this.#world.now + this.#delay(), this.#toNodeAt)
    this.#world.after(this.#toNodeAt - this.#world.now, () => {
      const receive = () => {
        if (socket === undefined || socket.closeCode !== undefined || boot !== this.node.boot) return
        this.node.catchUp()
        socket.sendText(text)
        this.node.catchUp()
        this.#noticeClose(socket)
      }
      this.#arrive('toNode', () => {
        if (this.node.condition === 'up') receive()
        if (this.node.condition === 'stopped') this.node.inbox.push(receive)
      })
    })
  }

  #arrive(direction: Cut, run: () => void): void {
    if (this.#cut === direction || this.#cut === 'both') this.#held.push(run)
    else run()
  }

  /** The node closed the connection: another one of this front has replaced it. */
  #noticeClose(socket: LvspSocket): void {
    if (socket.closeCode === undefined || socket !== this.#socket) return
    this.#socket = undefined
    this.#generation++
    const { closeCode, closeReason } = socket
    this.#process.input(() => this.session.connectionClosed(closeCode, closeReason, this.#world.now))
  }

  #hangUp(socket: LvspSocket | undefined): void {
    if (socket === undefined || socket.closeCode !== undefined || this.node.condition === 'dead') return
    const drop = () => void (socket.closeCode === undefined && socket.drop())
    if (this.node.condition === 'up') drop()
    else this.node.inbox.push(drop)
  }

  #delay(): number {
    return 1 + Math.floor(this.#world.random() * 20)
  }
}

const wire = ({ channelId, guildId }: { channelId: string; guildId?: string | undefined }) => ({
  channel_id: channelId,
  guild_id: guildId,
})

const listingOf = ({ isSameSession, resumed }: Json): NodeListing => {
  if (!isSameSession) return 'otherSession'
  return resumed === 'state' ? 'all' : 'missed'
}

const frontBackend = ({ isConnected: connected, wantsVideo: video, isFresh: fresh }: BackendPresence) => ({
  connected,
  video,
  fresh,
})

const grantOf = ({ token = '', ...grant }: Json) => ({ ...grant, token })

function wireCommand(command: NodeCommand): [type: number, ...parts: Json[]] {
  switch (command.kind) {
    case 'updateChannel':
      return [16, { ...wire(command.channel), channel_properties: wireChannelProperties(command.properties) }]
    case 'destroyChannel':
      return [2, { ...wire(command.channel), epoch: command.epoch }]
    case 'updateVoiceStates':
      return [6, { ...wireSelector(command.selector), ...command.restrictions }]
    case 'destroyVoiceStates':
      return [5, wireSelector(command.selector)]
    case 'sync': {
      const channels = command.channels.map(each => ({
        ...wire(each),
        users: each.userIds.map(user_id => ({ user_id })),
      }))
      return [21, { channels, grace: Math.round(command.grace / 1_000) }]
    }
  }
}

const wireSelector = ({ userId, channelId, guildId }: Extract<NodeCommand, { selector: unknown }>['selector']) => ({
  user_id: userId,
  channel_id: channelId,
  guild_id: guildId,
})
