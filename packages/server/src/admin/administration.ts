// What the admin API does to a node: reads its state, applies control actions.
// The listener decides who may, the node decides what happens: this is the only place that connects the two.
import type { Ban, NodeInspection, UserSelector, VoiceNode } from '@parley/core'
import type { Host } from '../host.ts'
import type { Log, LogLevel } from '../monitoring/log.ts'
import { type Alarm, alarmsOf, type Condition } from './alarms.ts'
import { type Filter, type Page, page } from './page.ts'
import type { ReloadReport } from './reload-report.ts'
import {
  type ChannelView,
  channelView,
  type ServerStatus,
  type Status,
  statusOf,
  type UserView,
  userView,
} from './views.ts'

/** What the API may use of the server. */
export interface AdministrationParts {
  readonly node: VoiceNode
  readonly host: Host
  readonly log: Log
  server(): Omit<ServerStatus, 'log_level'>
  condition(): Condition
  /** Metrics in Prometheus text format. */
  metrics(): Promise<string>
  /** Refuses new calls; the remaining ones end after `timeout` milliseconds. */
  drain(timeout: number | undefined): void
  undrain(): boolean
  reload(): ReloadReport
  /** Releases the ports for a successor; returns false if the program does not support that. */
  handOver(): boolean
}

/** Actions are inputs of the host, so that they never run within another input of the node. */
export class Administration {
  readonly #parts: AdministrationParts

  constructor(parts: AdministrationParts) {
    this.#parts = parts
  }

  get log(): Log {
    return this.#parts.log
  }

  status(): Status {
    return statusOf(this.#parts.node.overview(), { ...this.#parts.server(), log_level: this.#parts.log.level })
  }

  /** Active alarms. */
  alarms(): Alarm[] {
    return alarmsOf(this.status(), this.#parts.condition())
  }

  inspect(): NodeInspection {
    return this.#parts.node.inspect()
  }

  /** A page of the channels. The cost is that of the page, unless a filter needs every channel. */
  channels(filter: Filter): Page<ChannelView> {
    return page(this.#parts.node.channels(), channel => channelView(channel.summarize()), filter)
  }

  /** A page of the voice sessions, at the same cost. */
  users(filter: Filter): Page<UserView> {
    const view = (now: number) => page(this.#parts.node.sessions(), session => userView(session.inspect(), now), filter)
    return this.#parts.host.operate(view) ?? { total: 0, items: [] }
  }

  metrics(): Promise<string> {
    return this.#parts.metrics()
  }

  /** The number of voice states that were removed. */
  kick(selector: UserSelector): number {
    return this.#parts.host.operate(now => this.#parts.node.operator.kick(selector, now)) ?? 0
  }

  /** Bans in effect. */
  bans(): readonly Ban[] {
    return this.#parts.host.operate(now => this.#parts.node.operator.bans(now)) ?? []
  }

  /** Returns false if too many addresses are banned. */
  ban(address: string, duration: number): boolean {
    return this.#parts.host.operate(now => this.#parts.node.operator.ban(address, duration, now)) ?? false
  }

  /** Returns whether the address was banned. */
  unban(address: string): boolean {
    return this.#parts.host.operate(now => this.#parts.node.operator.unban(address, now)) ?? false
  }

  /** The number of voice states that were changed. */
  mute(selector: UserSelector, isMuted: boolean): number {
    return this.#parts.host.operate(() => this.#parts.node.operator.mute(selector, isMuted)) ?? 0
  }

  drain(timeout: number | undefined): void {
    this.#parts.drain(timeout)
  }

  /** Returns false if the node does not drain, or stops. */
  undrain(): boolean {
    return this.#parts.undrain()
  }

  reload(): ReloadReport {
    return this.#parts.reload()
  }

  /** Returns false if the program that embeds the node does not support it. */
  handOver(): boolean {
    return this.#parts.handOver()
  }

  /** Returns the level before. */
  setLogLevel(level: LogLevel): LogLevel {
    const before = this.#parts.log.level
    this.#parts.log.level = level
    return before
  }
}
