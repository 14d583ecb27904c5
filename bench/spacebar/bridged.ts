// A node, the bridge and the bus of Spacebar between them: the bench writes the events that Spacebar would write.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { endWithUs } from '../node/child.ts'
import { NodeProcess, SECRET } from '../node/node-process.ts'

const SCRIPT = fileURLToPath(new URL('bridge-process.ts', import.meta.url))
const POLL = 2

export interface BridgeFigures {
  users: number
  received: number
  cpuSeconds: number
  heapBytes: number
  residentBytes: number
}

export interface BusMember {
  userId: string
  guildId: string
  channelId: string
}

export const sessionOf = (userId: string): string => `S${userId}`
export const tokenOf = (userId: string): string => `token${userId}`

export class Bridged {
  readonly node: NodeProcess
  readonly #bridge: ChildProcess
  readonly #bus: Socket
  readonly #folder: string

  private constructor(node: NodeProcess, bridge: ChildProcess, bus: Socket, folder: string) {
    this.node = node
    this.#bridge = bridge
    this.#bus = bus
    this.#folder = folder
  }

  /** `database` is the URL of a database with Spacebar's tables. */
  static async open(database?: string): Promise<Bridged> {
    const node = await NodeProcess.start('backend.0.adopts_tokens=true')
    const folder = mkdtempSync(join(tmpdir(), 'parley-bench-bus-'))
    const { lvspUrl: lvsp, endpoint } = node
    const settings = { bus: `unix:${folder}`, database, node: [{ lvsp, endpoint, secret: SECRET }] }
    const bridge = fork(SCRIPT, [JSON.stringify(settings)], { execArgv: [...process.execArgv, '--expose-gc'] })
    endWithUs(bridge)
    await once(bridge, 'message')
    const bus = connect(join(folder, 'parley-bridge.sock'))
    await once(bus, 'connect')
    return new Bridged(node, bridge, bus, folder)
  }

  /** Resolves when the kernel has taken the bytes. */
  async write(bytes: Buffer): Promise<void> {
    if (!this.#bus.write(bytes)) await once(this.#bus, 'drain')
  }
  voiceState({ userId, guildId, channelId }: BusMember): Promise<void> {
    const data = {
      user_id: userId,
      guild_id: guildId,
      channel_id: channelId,
      session_id: sessionOf(userId),
      self_mute: false,
      self_deaf: false,
      self_video: false,
      mute: false,
      deaf: false,
      suppress: false,
      member: { user: { id: userId, username: `user${userId}` }, roles: [] },
    }
    return this.#emit('VOICE_STATE_UPDATE', data, { guild_id: guildId, channel_id: channelId, user_id: userId })
  }
  voiceServer({ userId, guildId }: BusMember): Promise<void> {
    const data = { token: tokenOf(userId), guild_id: guildId, endpoint: this.node.endpoint }
    return this.#emit('VOICE_SERVER_UPDATE', data, { user_id: userId })
  }

  async figures(): Promise<BridgeFigures> {
    this.#bridge.send('figures')
    const [figures] = await once(this.#bridge, 'message')
    return figures as BridgeFigures
  }
  /** Resolves when the bridge has read that many messages in all. */
  async received(count: number): Promise<BridgeFigures> {
    for (;;) {
      const figures = await this.figures()
      if (figures.received >= count) return figures
      await sleep(POLL)
    }
  }

  async close(): Promise<void> {
    this.#bus.destroy()
    const ended = once(this.#bridge, 'exit')
    this.#bridge.disconnect()
    await ended
    await this.node.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #emit(event: string, data: object, ids: Record<string, string>): Promise<void> {
    return this.write(frameOf({ id: Object.values(ids)[0], event: { event, data, ...ids } }))
  }
}

export function frameOf(message: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(message))
  const header = Buffer.alloc(4)
  header.writeUInt32BE(body.length)
  return Buffer.concat([header, body])
}
