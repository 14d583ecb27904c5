// Records everybody who is heard in a call: one Ogg Opus file per user, in one folder.
import { randomInt } from 'node:crypto'
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type HeardFrame, OPUS_RATE } from '@parley/client'
import { VERSION } from '../version.ts'
import { Recording } from './recording.ts'

/** One finished file. */
export interface RecordedFile {
  path: string
  userId: string
  seconds: number
  /** Packets that came too late to be recorded, or were no Opus. */
  skipped: number
}

type Heard = Pick<HeardFrame, 'ssrc' | 'timestamp' | 'payload'>

interface OpenFile {
  path: string
  file: number
  recording: Recording
}

/** Files that may be open at once; who speaks after so many others is not recorded. */
const MOST_FILES = 256
/** Until the node has said whose ssrc it is, so much is kept of it: two seconds. */
const MOST_UNNAMED_FRAMES = 100
const MOST_UNNAMED_SOURCES = 64
/** Recordings of a user that may lie in the folder from before. */
const MOST_TAKES = 1_000

export class Recorder {
  readonly #folder: string
  readonly #files = new Map<string, OpenFile>()
  /** Frames whose user is not known yet, by ssrc. */
  readonly #unnamed = new Map<number, { heard: Heard; now: number }[]>()
  /** Frames that were not recorded because a bound was reached. */
  dropped = 0

  /** Makes the folder, if there is none. Throws the system's error. */
  constructor(folder: string) {
    mkdirSync(folder, { recursive: true })
    this.#folder = folder
  }

  /** `now` in milliseconds. Throws the system's error if the disk refuses. */
  heard(heard: Heard, userId: string | undefined, now: number): void {
    if (userId === undefined) return this.#keep(heard, now)
    this.named(heard.ssrc, userId)
    this.#record(heard, userId, now)
  }

  /** The node has said whose ssrc it is: records what was heard of it before. */
  named(ssrc: number, userId: string): void {
    const frames = this.#unnamed.get(ssrc) ?? []
    this.#unnamed.delete(ssrc)
    for (const { heard, now } of frames) this.#record(heard, userId, now)
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

  #keep(heard: Heard, now: number): void {
    const frames = this.#unnamed.get(heard.ssrc) ?? []
    const isNew = frames.length === 0
    if ((isNew && this.#unnamed.size >= MOST_UNNAMED_SOURCES) || frames.length >= MOST_UNNAMED_FRAMES) this.dropped++
    else this.#unnamed.set(heard.ssrc, [...frames, { heard, now }])
  }

  #record(heard: Heard, userId: string, now: number): void {
    const open = this.#files.get(userId) ?? this.#open(userId)
    if (open === undefined) this.dropped++
    else open.recording.add(heard, now)
  }

  #open(userId: string): OpenFile | undefined {
    if (this.#files.size >= MOST_FILES) return undefined
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

/** `<user id>.opus`, or `<user id>-2.opus` and so on where that is taken: no recording is written over. */
function newFile(folder: string, userId: string): { path: string; file: number } {
  for (let take = 1; ; take++) {
    const path = join(folder, take === 1 ? `${userId}.opus` : `${userId}-${take}.opus`)
    try {
      return { path, file: openSync(path, 'wx', 0o644) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || take >= MOST_TAKES) throw error
    }
  }
}
