// Reads the messages that tell who is in the channel, keeps the member table, and tells what changed.
import { VoiceOp } from '@parley/protocol'
import type { z } from 'zod'
import * as incoming from './incoming.ts'
import { Members } from './members.ts'
import type { VoiceOutput } from './outputs.ts'

export class Roster {
  readonly members = new Members()
  readonly #push: (output: VoiceOutput) => void

  constructor(push: (output: VoiceOutput) => void) {
    this.#push = push
  }

  /** Opcodes 5, 11, 12, 13, 18 and 20; others are ignored. */
  receive(op: number, data: unknown): void {
    switch (op) {
      case VoiceOp.Speaking:
        return this.#read('Speaking', incoming.Speaking, data, message => this.#onSpeaking(message))
      case VoiceOp.ClientsConnect:
        return this.#read('Clients Connect', incoming.ClientsConnect, data, message =>
          this.#onConnect(message.user_ids),
        )
      case VoiceOp.Video:
        return this.#read('Video', incoming.Video, data, message => this.#onVideo(message))
      case VoiceOp.ClientDisconnect:
        return this.#read('Client Disconnect', incoming.ClientDisconnect, data, message =>
          this.#onLeave(message.user_id),
        )
      case VoiceOp.ClientFlags:
        return this.#read('Client Flags', incoming.ClientFlags, data, message => this.#onFlags(message))
      case VoiceOp.ClientPlatform:
        return this.#read('Client Platform', incoming.ClientPlatform, data, message => this.#onPlatform(message))
    }
  }

  /** Everybody is gone. */
  clear(): void {
    for (const userId of this.members.clear()) this.#push({ kind: 'userDisconnected', userId })
  }

  /** Older dialects name users first in opcode 5 or 12. */
  #meet(userId: string): void {
    if (this.members.add(userId)) this.#push({ kind: 'userConnected', userId })
  }

  #onConnect(userIds: readonly string[]): void {
    for (const userId of userIds) this.#meet(userId)
  }

  #onLeave(userId: string): void {
    if (this.members.remove(userId)) this.#push({ kind: 'userDisconnected', userId })
  }

  #onSpeaking({ user_id, ssrc, speaking }: z.infer<typeof incoming.Speaking>): void {
    this.#meet(user_id)
    this.members.setSpeaking(user_id, ssrc, speaking)
    this.#push({ kind: 'speaking', userId: user_id, ssrc, speaking })
  }

  #onVideo(message: z.infer<typeof incoming.Video>): void {
    const ssrc = message.video_ssrc ?? 0
    const video = { ssrc, rtxSsrc: message.rtx_ssrc ?? undefined, streams: message.streams ?? [] }
    this.#meet(message.user_id)
    this.members.setVideo(message.user_id, message.audio_ssrc ?? 0, ssrc === 0 ? undefined : video)
    this.#tellChange(message.user_id)
  }

  #onFlags({ user_id, flags }: z.infer<typeof incoming.ClientFlags>): void {
    if (typeof flags !== 'number') return
    this.members.setFlags(user_id, flags)
    this.#tellChange(user_id)
  }

  #onPlatform({ user_id, platform }: z.infer<typeof incoming.ClientPlatform>): void {
    if (typeof platform !== 'number') return
    this.members.setPlatform(user_id, platform)
    this.#tellChange(user_id)
  }

  #tellChange(userId: string): void {
    const member = this.members.get(userId)
    if (member !== undefined) this.#push({ kind: 'memberChanged', member })
  }

  #read<T>(name: string, schema: z.ZodType<T>, data: unknown, use: (message: T) => void): void {
    const read = schema.safeParse(data)
    if (read.success) use(read.data)
    else this.#push({ kind: 'undecodable', reason: `${name} did not decode` })
  }
}
