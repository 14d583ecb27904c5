// The messages between a page and its DAVE worker.
import type { DaveCommand, DaveEvent } from '../voice/dave/dave-messages.ts'

/** What the frames of a page's transforms have become since the worker started. */
export interface DaveReport {
  /** Frames sent encrypted. */
  sealed: number
  /** Frames sent unencrypted: in an unencrypted call, and silence. */
  clear: number
  /** Frames that were not sent, because the call is encrypted and there is no group to encrypt for. */
  unsent: number
  /** Received frames that were decrypted. */
  opened: number
  /** Received frames that were passed on as they arrived: in an unencrypted call, and silence. */
  passed: number
  /** Received frames that were dropped, because no key decrypted them within a second. */
  unopened: number
}

/** From the page. */
export type WorkerRequest =
  /** First: loads the library from this URL, or from its bytes. */
  | { kind: 'load'; wasm: string | Uint8Array }
  | { kind: 'dave'; command: DaveCommand }
  /** The user of each SSRC that the node announced, audio and video. Replaces the earlier ones. */
  | { kind: 'sources'; sources: readonly (readonly [ssrc: number, userId: string])[] }
  /** Names of codecs by payload type, for browsers whose frames do not name it. */
  | { kind: 'codecs'; codecs: readonly (readonly [payloadType: number, name: string])[] }
  /** Answered with a report of the same id. */
  | { kind: 'report'; id: number }
  /** Answered with a verification of the same id. */
  | { kind: 'verify'; id: number; userId: string }

/** To the page. */
export type WorkerReply =
  | { kind: 'loaded'; version: number }
  | { kind: 'failed'; reason: string }
  | { kind: 'dave'; event: DaveEvent }
  | { kind: 'report'; id: number; report: DaveReport }
  /** `code`: see `ClientDave.verificationCode`. */
  | { kind: 'verification'; id: number; code: string | undefined }
  /** Instead of a report or a verification. */
  | { kind: 'refused'; id: number; reason: string }

/** Options of an RTCRtpScriptTransform: whether the worker seals the frames of a sender or opens those of a receiver. */
export interface TransformOptions {
  role: 'seal' | 'open'
  /** Kind of the track. */
  media: 'audio' | 'video'
}
