// Keeps a node's certificate valid: obtains the first one, renews it in time, retries what failed. Calls are not affected.
import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { SERVER_LIMITS } from '../limits.ts'
import { AcmeError } from './protocol/acme-error.ts'
import { certificateId, isPeriod, type Period, renewalTime, retryDelay, USED } from './renewal-time.ts'

/** Time and chance, so that tests have their own. */
export interface KeeperClock {
  /** Milliseconds since 1970. */
  now(): number
  /** Rejects when the signal is aborted. */
  sleep(time: number, signal: AbortSignal): Promise<void>
  /** In [0, 1). */
  random(): number
}

/** Chain and key, both PEM. */
export interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

/** The certificate authority, as far as the keeper needs it. Rejects with an `AcmeError`. */
export interface Authority {
  obtain(replaces: string | undefined, signal: AbortSignal): Promise<CertificateFiles>
  /** Keeps what was obtained for the next start. Throws an `AcmeError`. */
  store(files: CertificateFiles): void
  /** When it wants that certificate renewed; undefined if it does not say. */
  suggestion(id: string, signal: AbortSignal): Promise<Period | undefined>
}

/** The state of the renewal, for the admin API and `parley doctor`. */
export interface KeeperStatus {
  /** When the next attempt is made, in milliseconds since 1970; undefined during an attempt. */
  readonly next: number | undefined
  /** Attempts that failed since the last success. */
  readonly failures: number
  /** Why the last one failed. */
  readonly error: string | undefined
}

export interface KeeperEvents {
  obtained(files: CertificateFiles): void
  failed(reason: string, failures: number, delay: number): void
}

export interface KeeperOptions {
  readonly names: readonly string[]
  readonly authority: Authority
  readonly clock: KeeperClock
  readonly events: KeeperEvents
  /** PEM of the stored certificate. */
  readonly stored: string | undefined
}

export class CertificateKeeper {
  readonly #options: KeeperOptions
  readonly #stop = new AbortController()
  readonly #running: Promise<void>
  #certificate: X509Certificate | undefined
  /** What the authority said last about the current certificate. */
  #suggested: Period | undefined
  #dueAt: number | undefined
  #next: number | undefined
  /** The current certificate, while it could not be stored. */
  #unstored: CertificateFiles | undefined
  /** Something failed since the last sleep. */
  #hasFailed = false
  #failures = 0
  #error: string | undefined

  constructor(options: KeeperOptions) {
    this.#options = options
    this.#certificate = options.stored === undefined ? undefined : new X509Certificate(options.stored)
    this.#running = this.#run()
  }

  get status(): KeeperStatus {
    return { next: this.#next, failures: this.#failures, error: this.#error }
  }

  /** Resolves when nothing is under way any longer. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      this.#hasFailed = false
      const delay = Math.min((await this.#timeLeft()) || (await this.#attempt()), this.#store())
      if (signal.aborted) return
      this.#next = this.#options.clock.now() + delay
      await this.#options.clock.sleep(Math.min(delay, this.#longest), signal).catch(() => undefined)
      this.#next = undefined
    }
  }

  /** A failed attempt waits its whole delay; a valid certificate is examined again before it is due. */
  get #longest(): number {
    return this.#hasFailed ? Infinity : SERVER_LIMITS.acmeCheckInterval
  }

  /**
   * Returns the milliseconds until the next try. A certificate that cannot be stored is in use all the same, and is not obtained again:
   * authorities issue few for the same names.
   */
  #store(): number {
    if (this.#unstored === undefined) return Infinity
    try {
      this.#options.authority.store(this.#unstored)
    } catch (error) {
      return this.#failed(error)
    }
    this.#unstored = undefined
    this.#succeeded()
    return Infinity
  }

  /** Milliseconds until the certificate has to be renewed; 0 if that is now. */
  async #timeLeft(): Promise<number> {
    const { clock, names, authority } = this.#options
    const leaf = this.#certificate
    if (leaf === undefined || !names.every(name => isNamed(leaf, name))) return 0
    const id = certificateId(leaf)
    const asked = id === undefined ? undefined : authority.suggestion(id, this.#stop.signal)
    // An authority that cannot be reached, or says nothing usable, does not matter until the certificate is due.
    const answered = await asked?.catch(() => undefined)
    const suggested = answered !== undefined && isPeriod(answered) ? answered : this.#suggested
    const validity = { start: Date.parse(leaf.validFrom), end: Date.parse(leaf.validTo) }
    if (this.#dueAt === undefined || !isSame(suggested, this.#suggested))
      this.#dueAt = renewalTime(validity, suggested, clock.random())
    this.#suggested = suggested
    return Math.max(0, this.#dueAt - clock.now())
  }

  /** Before a certificate is renewed that is due as soon as it was obtained, as an authority may suggest: it must not expire meanwhile. */
  get #delayAtOnce(): number {
    const left = this.#validFor
    return left > 0 ? Math.min(SERVER_LIMITS.acmeRetryDelay, left * USED) : SERVER_LIMITS.acmeRetryDelay
  }

  /** Milliseconds; at most 0 without a certificate. */
  get #validFor(): number {
    return this.#certificate === undefined ? 0 : Date.parse(this.#certificate.validTo) - this.#options.clock.now()
  }

  /** Returns the milliseconds until the next look. */
  async #attempt(): Promise<number> {
    const { authority, events } = this.#options
    try {
      // An authority may refuse to replace a certificate twice, so that only the first attempt names it.
      const replaces = this.#certificate && this.#failures === 0 ? certificateId(this.#certificate) : undefined
      const files = await authority.obtain(replaces, this.#stop.signal)
      this.#certificate = new X509Certificate(files.cert)
      this.#unstored = files
      this.#dueAt = undefined
      this.#suggested = undefined
      this.#succeeded()
      events.obtained(files)
      return (await this.#timeLeft()) || this.#delayAtOnce
    } catch (error) {
      return this.#stop.signal.aborted ? 0 : this.#failed(error)
    }
  }

  #succeeded(): void {
    this.#failures = 0
    this.#error = undefined
  }

  /** Returns the milliseconds until the next attempt. */
  #failed(error: unknown): number {
    const { events, clock } = this.#options
    this.#hasFailed = true
    this.#failures++
    this.#error = error instanceof AcmeError ? error.message : String(error)
    const retryAfter = error instanceof AcmeError ? error.retryAfter : undefined
    const delay = retryDelay(this.#failures, retryAfter, this.#validFor, clock.random())
    events.failed(this.#error, this.#failures, delay)
    return delay
  }
}

const isSame = (a: Period | undefined, b: Period | undefined) => a?.start === b?.start && a?.end === b?.end

const isNamed = (leaf: X509Certificate, name: string) =>
  (isIP(name) === 0 ? leaf.checkHost(name) : leaf.checkIP(name)) !== undefined
