// Records every speaker of a call: one Ogg Opus file per user, in one folder.
import { randomInt } from 'node:crypto'
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { OPUS_RATE, type ReceivedFrame } from '@parley/client'
import { SERVER_LIMITS } from '../limits.ts'
import { VERSION } from '../version.ts'
import { Recording } from './recording.ts'

/** One finished file. */
export interface RecordedFile {
  path: string
  userId: string
  seconds: number
  /** Packets that arrived too late or were not Opus. */
  skipped: number
}

/** What a recording needs of a frame. */
type Frame = Pick<ReceivedFrame, 'ssrc' | 'timestamp' | 'payload'>

interface OpenFile {
  path: string
  file: number
  recording: Recording
}

/**
 * Files appear when their speaker is first received. Bounded in files, and in frames that wait for the name of their
 * speaker.
 */
export class Recorder {
  readonly #folder: string
  readonly #files = new Map<string, OpenFile>()
  /** Frames whose user is not known yet, by SSRC. */
  readonly #unnamed = new Map<number, { frame: Frame; now: number }[]>()
  /** Frames that were not recorded because a limit was reached. */
  dropped = 0

  /** Creates the folder if necessary. Throws the system's error. */
  constructor(folder: string) {
    mkdirSync(folder, { recursive: true })
    this.#folder = folder
  }

  /** `now` in milliseconds. Throws the system's error if the file cannot be written. */
  received(frame: Frame, userId: string | undefined, now: number): void {
    if (userId === undefined) return this.#keep(frame, now)
    this.named(frame.ssrc, userId)
    this.#record(frame, userId, now)
  }

  /** The user of an SSRC is known: records the frames that were kept. */
  named(ssrc: number, userId: string): void {
    const frames = this.#unnamed.get(ssrc) ?? []
    this.#unnamed.delete(ssrc)
    for (const { frame, now } of frames) this.#record(frame, userId, now)
  }

  /** Completes and closes every file. Throws the system's error. */
  end(): RecordedFile[] {
    const files = [...this.#files]
    this.#files.clear()
    return files.map(([userId, { path, file, recording }]) => {
      try {
        recording.end()
      } finally {
        closeSync(file)
      }
      return { path, userId, seconds: recording.samples / OPUS_RATE, skipped: recording.skipped }
    })
  }

  /** Holds a frame until its user is known, within the bounds. */
  #keep(frame: Frame, now: number): void {
    const frames = this.#unnamed.get(frame.ssrc) ?? []
    const isNew = frames.length === 0
    if (
      (isNew && this.#unnamed.size >= SERVER_LIMITS.maxUnnamedSources) ||
      frames.length >= SERVER_LIMITS.maxUnnamedFrames
    )
      this.dropped++
    else this.#unnamed.set(frame.ssrc, [...frames, { frame, now }])
  }

  #record(frame: Frame, userId: string, now: number): void {
    const open = this.#files.get(userId) ?? this.#open(userId)
    if (open === undefined) this.dropped++
    else open.recording.add(frame, now)
  }

  /** Undefined at the bound on files. */
  #open(userId: string): OpenFile | undefined {
    if (this.#files.size >= SERVER_LIMITS.maxRecordings) return undefined
    const { path, file } = newFile(this.#folder, userId)
    const write = (bytes: Uint8Array) => {
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done)
    }
    const comments = [`TITLE=User ${userId}`, `DATE=${new Date().toISOString()}`]
    const recording = new Recording(write, { vendor: `Parley ${VERSION}`, comments, serial: randomInt(2 ** 32) })
    const open = { path, file, recording }
    this.#files.set(userId, open)
    return open
  }
}

/** `<user id>.opus`, or `<user id>-2.opus` and so on if it exists: no recording is overwritten. */
function newFile(folder: string, userId: string): { path: string; file: number } {
  for (let take = 1; ; take++) {
    const path = join(folder, take === 1 ? `${userId}.opus` : `${userId}-${take}.opus`)
    try {
      return { path, file: openSync(path, 'wx', 0o644) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || take >= SERVER_LIMITS.maxTakes) throw error
    }
  }
}
