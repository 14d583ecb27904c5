// The demo's call: bots that repeat the bundled dialogue, and a snapshot of what happens.
import { setTimeout as sleep } from 'node:timers/promises'
import { type DaveLibrary, loadDavey } from '@parley/client'
import type { VoiceMode } from '@parley/protocol'
import type { DemoBackend } from './demo-backend.ts'
import { DemoBot } from './demo-bot.ts'
import type { LatencyReport } from './packet-latency.ts'
import type { Line } from './speech.ts'

/** Events of the call. */
export type CallEvent =
  | { kind: 'entered'; name: string }
  | { kind: 'line'; name: string; text: string }
  | { kind: 'speaking'; name: string }
  | { kind: 'interrupted'; name: string; code: number }
  | { kind: 'left'; name: string; code: number }
  /** A bot's session has ended permanently, and with it the dialogue. */
  | { kind: 'failed'; name: string; reason: string }

/** A member whose media is established. */
export interface CallMember {
  name: string
  isSpeaking: boolean
  /** The line that a bot is saying. */
  text?: string | undefined
}

export interface CallSnapshot {
  members: readonly CallMember[]
  /** Packets that the bots sent, and received from each other. Jitter in milliseconds: the greater of both. */
  packets: { sent: number; received: number; lost: number; jitter: number }
  /** From a bot's send to the other's frame event, in milliseconds. */
  latency?: LatencyReport | undefined
  /** Milliseconds from VOICE_STATE_CREATE for a bot to its first audio. */
  joined?: number | undefined
  mode?: VoiceMode | undefined
  /** The privacy code, if the call is encrypted end to end. */
  privacyCode?: string | undefined
}

/** Between two lines. */
const PAUSE = 500

/** Owns the bots. What it shows of other members it knows from LVSP events, as a backend does. */
export class DemoCall {
  readonly #backend: DemoBackend
  readonly #ca: string
  readonly #lines: readonly Line[]
  readonly #onEvent: (event: CallEvent) => void
  readonly #guestName: (userId: string) => string | undefined
  readonly #stop = new AbortController()
  readonly #bots = new Map<string, DemoBot>()
  /** Members whose media is established, by user id. */
  readonly #members = new Map<string, { name: string; isSpeaking: boolean }>()
  #dave: DaveLibrary | undefined
  #dialogue: Promise<void> | undefined
  #lateJoiner: { bot: DemoBot; askedAt: number } | undefined

  /** `ca` is the PEM of the node's certificate; `guestName` names the members that are not bots. */
  constructor(
    backend: DemoBackend,
    ca: string,
    lines: readonly Line[],
    onEvent: (event: CallEvent) => void,
    guestName: (userId: string) => string | undefined = () => undefined,
  ) {
    this.#backend = backend
    this.#ca = ca
    this.#lines = lines
    this.#onEvent = onEvent
    this.#guestName = guestName
    backend.on('voiceStateConnected', ({ userId }) => this.#connected(userId))
    backend.on('voiceStateDisconnected', ({ userId, code, resumable }) => this.#disconnected(userId, code, resumable))
    backend.on('speaking', ({ userId, speaking }) => this.#spoke(userId, speaking !== 0))
  }

  /** Resolves when all bots have joined. The first one speaks before the next joins, so that its join time can be measured. */
  async start(): Promise<void> {
    const [first, ...others] = new Set(this.#lines.map(line => line.speaker))
    if (first === undefined) throw new RangeError('expected a dialogue, found no line')
    this.#dave = await loadDavey()
    await this.#enter(first)
    this.#dialogue = this.#runDialogue()
    for (const name of others) await this.#enter(name)
  }

  /** Names by user id. */
  get bots(): ReadonlyMap<string, string> {
    return new Map(Array.from(this.#bots.values(), ({ userId, name }) => [userId, name]))
  }

  get supportsDave(): boolean {
    return this.#dave !== undefined
  }

  /** What the bots could compare, if the call is encrypted end to end. */
  get privacyCode(): string | undefined {
    return codeOf([...this.#bots.values()])
  }

  /** Whether every bot has received audio of another. */
  get haveAllReceived(): boolean {
    const bots = [...this.#bots.values()]
    return bots.length > 1 && bots.every(bot => bot.receivedAt !== undefined)
  }

  get snapshot(): CallSnapshot {
    const bots = [...this.#bots.values()]
    return {
      members: Array.from(this.#members, ([userId, { name, isSpeaking }]) => {
        const text = this.#bots.get(name)?.userId === userId ? this.#bots.get(name)?.line?.text : undefined
        return { name, isSpeaking: isSpeaking || text !== undefined, text }
      }),
      packets: packetsOf(bots),
      latency: worseOf(bots),
      joined: this.#joined,
      mode: bots[0]?.client.mode,
      privacyCode: this.privacyCode,
    }
  }

  /** Resolves when the bots have left. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#dialogue
    await Promise.all(Array.from(this.#bots.values(), bot => bot.client.close()))
  }

  get #joined(): number | undefined {
    const { bot, askedAt } = this.#lateJoiner ?? {}
    return bot?.receivedAt === undefined || askedAt === undefined ? undefined : bot.receivedAt - askedAt
  }

  /** Lets a bot join. Each bot measures the packets of every other one. */
  async #enter(name: string): Promise<void> {
    const askedAt = performance.now()
    const credentials = await this.#backend.join()
    if (this.#stop.signal.aborted) return
    const bot = new DemoBot({ name, credentials, ca: this.#ca, dave: this.#dave })
    for (const other of this.#bots.values()) {
      bot.listenTo(other)
      other.listenTo(bot)
    }
    if (this.#bots.size > 0) this.#lateJoiner = { bot, askedAt }
    this.#bots.set(name, bot)
    await bot.client.connect()
    bot.client.on('closed', ({ code, reason }) => this.#closed(name, `${code} ${reason}`))
  }

  /** Line after line until the call ends; waits for a bot that has not joined yet. */
  async #runDialogue(): Promise<void> {
    const { signal } = this.#stop
    for (let turn = 0; !signal.aborted; ) {
      const line = this.#lines[turn % this.#lines.length]!
      const bot = this.#bots.get(line.speaker)
      if (bot?.client.mode !== undefined) {
        this.#onEvent({ kind: 'line', name: bot.name, text: line.text })
        await bot.say(line, signal)
        turn++
      }
      await sleep(PAUSE, undefined, { signal }).catch(() => {})
    }
  }

  /** A bot's session ended without `close`. */
  #closed(name: string, reason: string): void {
    if (!this.#stop.signal.aborted) this.#onEvent({ kind: 'failed', name, reason })
  }

  /** VOICE_STATE_CONNECTED: the member appears. */
  #connected(userId: string): void {
    const name = this.#nameOf(userId)
    this.#members.set(userId, { name, isSpeaking: false })
    this.#onEvent({ kind: 'entered', name })
  }

  /** VOICE_STATE_DISCONNECTED: the member is removed, for good or until it resumes. */
  #disconnected(userId: string, code: number, isResumable: boolean): void {
    const name = this.#nameOf(userId)
    this.#members.delete(userId)
    this.#onEvent({ kind: isResumable ? 'interrupted' : 'left', name, code })
  }

  /** VOICE_STATE_SPEAKING. Bots are shown by their lines instead. */
  #spoke(userId: string, isSpeaking: boolean): void {
    const member = this.#members.get(userId)
    if (member === undefined || member.isSpeaking === isSpeaking) return
    member.isSpeaking = isSpeaking
    if (isSpeaking && !this.#bots.has(member.name)) this.#onEvent({ kind: 'speaking', name: member.name })
  }

  #nameOf(userId: string): string {
    for (const bot of this.#bots.values()) if (bot.userId === userId) return bot.name
    return this.#guestName(userId) ?? `user ${userId}`
  }
}

/** The privacy code of all bots; undefined while they differ, as during a transition. */
function codeOf(bots: readonly DemoBot[]): string | undefined {
  const [code, ...others] = new Set(bots.map(bot => bot.client.privacyCode))
  return others.length === 0 ? code : undefined
}

/** Sums of what the bots sent and received from each other. */
function packetsOf(bots: readonly DemoBot[]): CallSnapshot['packets'] {
  const total = { sent: 0, received: 0, lost: 0, jitter: 0 }
  const ssrcs = new Set(bots.map(bot => bot.client.ssrc))
  for (const { client } of bots) {
    total.sent += client.report?.sent.packets ?? 0
    for (const source of client.report?.received ?? []) {
      if (!ssrcs.has(source.ssrc)) continue
      total.received += source.packets
      total.lost += source.lost
      total.jitter = Math.max(total.jitter, source.jitter)
    }
  }
  return total
}

/** Latency of the slower direction. */
function worseOf(bots: readonly DemoBot[]): LatencyReport | undefined {
  const reports = bots.map(bot => bot.latency.report).filter(report => report !== undefined)
  return reports.toSorted((a, b) => b.median - a.median)[0]
}
