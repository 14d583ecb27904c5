// Maintains the member table from the messages about other members, and reports its changes.
import { VoiceOp } from '@parley/protocol'
import type { z } from 'zod'
import { Members } from './members.ts'
import * as messages from './voice-messages.ts'
import type { VoiceOutput } from './voice-outputs.ts'

/**
 * Feeds `members` and pushes an output for each change. `VoiceClientSession` passes it every opcode that it does not
 * handle itself.
 */
export class Roster {
  /** The table that `VoiceClientSession.members` shows. */
  readonly members = new Members()
  /** Appends to the outputs of the session. */
  readonly #push: (output: VoiceOutput) => void

  constructor(push: (output: VoiceOutput) => void) {
    this.#push = push
  }

  /** Opcodes 5, 11, 12, 13, 18 and 20; others are ignored. */
  receive(op: number, data: unknown): void {
    switch (op) {
      case VoiceOp.Speaking:
        return this.#read('Speaking', messages.Speaking, data, message => this.#onSpeaking(message))
      case VoiceOp.ClientsConnect:
        return this.#read('Clients Connect', messages.ClientsConnect, data, message =>
          this.#onConnect(message.user_ids),
        )
      case VoiceOp.Video:
        return this.#read('Video', messages.Video, data, message => this.#onVideo(message))
      case VoiceOp.ClientDisconnect:
        return this.#read('Client Disconnect', messages.ClientDisconnect, data, message =>
          this.#onLeave(message.user_id),
        )
      case VoiceOp.ClientFlags:
        return this.#read('Client Flags', messages.ClientFlags, data, message => this.#onFlags(message))
      case VoiceOp.ClientPlatform:
        return this.#read('Client Platform', messages.ClientPlatform, data, message => this.#onPlatform(message))
    }
  }

  /** Removes all members. */
  clear(): void {
    for (const userId of this.members.clear()) this.#push({ kind: 'userDisconnected', userId })
  }

  /** Older gateway versions announce users by op 5 or op 12 only. */
  #add(userId: string): void {
    if (this.members.add(userId)) this.#push({ kind: 'userConnected', userId })
  }

  /** Op 11. Members that are known already are skipped. */
  #onConnect(userIds: readonly string[]): void {
    for (const userId of userIds) this.#add(userId)
  }

  #onLeave(userId: string): void {
    if (this.members.remove(userId)) this.#push({ kind: 'userDisconnected', userId })
  }

  #onSpeaking({ user_id, ssrc, speaking }: z.infer<typeof messages.Speaking>): void {
    this.#add(user_id)
    this.members.setSpeaking(user_id, ssrc, speaking)
    this.#push({ kind: 'speaking', userId: user_id, ssrc, speaking })
  }

  /**
   * Op 12. `video_ssrc` 0 means that the member's video ended. Up to version 7 it also announces a member and its audio
   * SSRC.
   */
  #onVideo(message: z.infer<typeof messages.Video>): void {
    const ssrc = message.video_ssrc ?? 0
    const video = { ssrc, rtxSsrc: message.rtx_ssrc ?? undefined, streams: message.streams ?? [] }
    this.#add(message.user_id)
    this.members.setVideo(message.user_id, message.audio_ssrc ?? 0, ssrc === 0 ? undefined : video)
    this.#reportChange(message.user_id)
  }

  #onFlags({ user_id, flags }: z.infer<typeof messages.ClientFlags>): void {
    if (typeof flags !== 'number') return
    this.members.setFlags(user_id, flags)
    this.#reportChange(user_id)
  }

  #onPlatform({ user_id, platform }: z.infer<typeof messages.ClientPlatform>): void {
    if (typeof platform !== 'number') return
    this.members.setPlatform(user_id, platform)
    this.#reportChange(user_id)
  }

  #reportChange(userId: string): void {
    const member = this.members.get(userId)
    if (member !== undefined) this.#push({ kind: 'memberChanged', member })
  }

  #read<T>(name: string, schema: z.ZodType<T>, data: unknown, use: (message: T) => void): void {
    const read = schema.safeParse(data)
    if (read.success) use(read.data)
    else this.#push({ kind: 'undecodable', reason: `${name} did not decode` })
  }
}
