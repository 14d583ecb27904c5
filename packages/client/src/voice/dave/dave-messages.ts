// The messages between a voice session and its DAVE session in another thread. They can be cloned (`postMessage`).

/** What a DAVE session asks of its voice session. */
export type DaveOutput =
  /** Send a text or binary message. */
  | { kind: 'send'; data: string | Uint8Array }
  /**
   * The DAVE version in force, or the group, changed. Without a privacy code, frames are not encrypted end to end. `userIds`: the
   * users of the group; only they can open the frames.
   */
  | { kind: 'encryption'; version: number; privacyCode: string | undefined; userIds: readonly string[] }
  /** New keys: frames that failed to decrypt may decrypt now. */
  | { kind: 'keys' }
  /** A message did not decode, or the library refused it. */
  | { kind: 'undecodable'; reason: string }

/** What the DAVE session of another thread has to process, in order. */
export type DaveCommand =
  /**
   * Session Description (op 4) named the DAVE version of the call. Each one starts over. `channelId`: the server id for a DM or group
   * call without a channel id.
   */
  | { kind: 'described'; generation: number; version: number; userId: string; channelId: string }
  /** Data of opcode 21, 22 or 24. */
  | { kind: 'text'; op: number; data: unknown }
  /** Payload of opcode 25, 27, 29 or 30, and the other users of the channel. */
  | { kind: 'binary'; op: number; payload: Uint8Array; userIds: readonly string[] }
  /** The voice session has ended; its keys are dropped, and no frame is sealed or opened until the next `described`. */
  | { kind: 'ended' }

/** What the DAVE session of another thread has done. */
export interface DaveEvent {
  /** Generation of the `described` that the event belongs to. */
  readonly generation: number
  readonly output: DaveOutput
}
