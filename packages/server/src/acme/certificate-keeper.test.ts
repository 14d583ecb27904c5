// The times of renewals and retries, on a virtual clock, with certificates of a made-up authority.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { selfSigned, subjectAltNames } from '../x509/certificates.ts'
import { type Authority, CertificateKeeper } from './certificate-keeper.ts'
import { AcmeError } from './protocol/acme-error.ts'
import type { Period } from './renewal-time.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const START = Date.UTC(2030, 0, 1)

/** Each sleep advances the clock by its duration; the run ends after `end`. */
class VirtualTime {
  time = START
  readonly #end: number
  readonly ended: Promise<void>
  #finish: () => void = () => {}

  constructor(duration: number) {
    this.#end = START + duration
    this.ended = new Promise(resolve => {
      this.#finish = resolve
    })
  }

  readonly clock = {
    now: () => this.time,
    random: () => 0.5,
    sleep: async (time: number, signal: AbortSignal) => {
      if (this.time + time <= this.#end) {
        this.time += time
        return
      }
      this.#finish()
      await new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    },
  }
}

const certificate = (name: string, from: number, lifetime: number) =>
  selfSigned({
    commonName: 'test',
    validFrom: from,
    validTo: from + lifetime,
    extensions: [subjectAltNames([name])],
  })

interface Scene {
  duration: number
  lifetime?: number
  /** Milliseconds from the beginning of its validity until a certificate is obtained. */
  taking?: number
  stored?: string
  /** Attempts by number, from 0, that fail. */
  failing?: (attempt: number) => AcmeError | undefined
  suggestion?: () => Promise<Period | undefined>
  store?: () => void
}

/** Returns the hours after which attempts were made, and the delays after failures in minutes. */
async function run({ duration, lifetime = 90 * DAY, taking = 0, stored, failing, suggestion, store }: Scene) {
  const virtual = new VirtualTime(duration)
  const attempts: number[] = []
  const delays: number[] = []
  const authority: Authority = {
    obtain: async () => {
      const attempt = attempts.push((virtual.time - START) / HOUR) - 1
      const error = failing?.(attempt)
      if (error !== undefined) throw error
      virtual.time += taking
      return certificate('voice.example.org', virtual.time - taking, lifetime)
    },
    suggestion: suggestion ?? (async () => undefined),
    store: store ?? (() => {}),
  }
  const keeper = new CertificateKeeper({
    names: ['voice.example.org'],
    authority,
    clock: virtual.clock,
    stored,
    events: { obtained: () => {}, failed: (_, __, delay) => delays.push(delay / 60_000) },
  })
  await virtual.ended
  const { status } = keeper
  await keeper.close()
  return { attempts, delays, status }
}

test('a certificate is renewed after two thirds of its lifetime', async () => {
  const { attempts, status } = await run({ duration: 130 * DAY })
  assert.deepEqual(attempts, [0, 60 * 24, 120 * 24])
  assert.equal(status.failures, 0)
  assert.equal((await run({ duration: 6 * DAY, lifetime: 6 * DAY })).attempts[1], 96)
})

test('a stored certificate is kept until it is due, unless it lacks a name', async () => {
  const stored = certificate('voice.example.org', START - 50 * DAY, 90 * DAY).cert
  assert.deepEqual((await run({ duration: 11 * DAY, stored })).attempts, [10 * 24])
  const other = certificate('old.example.org', START - DAY, 90 * DAY).cert
  assert.deepEqual((await run({ duration: DAY, stored: other })).attempts, [0])
})

test('a certificate that is due as soon as it is there is renewed before it expires', async () => {
  const { attempts } = await run({ duration: HOUR / 60, lifetime: 60_000, taking: 45_000 })
  assert.equal(Math.round(attempts[1]! * HOUR), 55_000)
})

test('a certificate that has expired when it is there is not obtained again at once', async () => {
  const { attempts } = await run({ duration: HOUR, lifetime: 1_000, taking: 2_000 })
  assert.equal(Math.round(attempts[1]! * HOUR), 122_000)
})

test('failures are repeated with growing delays, at least as late as the authority says', async () => {
  const { delays, status, attempts } = await run({
    duration: 48 * HOUR,
    failing: attempt => (attempt < 10 ? new AcmeError('no', attempt === 1 ? { retryAfter: 3 * HOUR } : {}) : undefined),
  })
  const jitter = 1.125
  assert.deepEqual(
    delays,
    [2, 180 / jitter, 8, 16, 32, 60, 60, 60, 60, 60].map(minutes => minutes * jitter),
  )
  assert.deepEqual([attempts.length, status.failures, status.error], [11, 0, undefined])
})

test('an authority that was away for days is reached again before the certificate expires', async () => {
  const end = 6 * DAY
  const stored = certificate('voice.example.org', START, end).cert
  const failing = () => new AcmeError('down')
  const { attempts, delays } = await run({ duration: end + 6 * HOUR, stored, failing })
  const valid = attempts.filter(hour => hour * HOUR < end)
  assert.ok(
    end - valid.at(-1)! * HOUR <= 10 * 60_000,
    `${(end - valid.at(-1)! * HOUR) / 60_000} minutes before the end`,
  )
  const lastHour = valid.filter(hour => end - hour * HOUR < HOUR)
  assert.ok(lastHour.length <= 5, `${lastHour.length} attempts in the last hour`)
  assert.ok(Math.max(...delays) > 5 * 60, 'first the delays grow')
  assert.ok(delays.at(-1)! <= 75, `${delays.at(-1)} minutes after the end`)
})

test('within an hour a name fails at most five times', async () => {
  const { attempts } = await run({ duration: HOUR, failing: () => new AcmeError('no') })
  assert.ok(attempts.length <= 5, attempts.join())
})

test('the authority moves the renewal forward, as after a mistake of its own', async () => {
  const stored = certificateWithIssuer()
  const window = { start: START + 5 * DAY, end: START + 6 * DAY }
  let asked = 0
  const { attempts } = await run({
    duration: 8 * DAY,
    stored,
    suggestion: async () => (asked++ < 4 ? undefined : window),
  })
  assert.equal(attempts[0], 5.5 * 24)
  const unreachable = await run({ duration: 8 * DAY, stored, suggestion: () => Promise.reject(new AcmeError('down')) })
  assert.deepEqual(unreachable.attempts, [])
})

test('the authority cannot move the renewal behind the end of the certificate, and a window that is none counts as no answer', async () => {
  const stored = certificateWithIssuer()
  const suggestion = (start: number, end: number) => async () => ({ start: START + start, end: START + end })
  const late = await run({ duration: 89 * DAY, stored, suggestion: suggestion(95 * DAY, 96 * DAY) })
  assert.deepEqual(late.attempts, [81 * 24])
  for (const end of [10 * DAY, 20 * DAY]) {
    const { attempts } = await run({ duration: 61 * DAY, stored, suggestion: suggestion(20 * DAY, end) })
    assert.deepEqual(attempts, [60 * 24])
  }
})

test('after a failed attempt the authority is asked for the time of the renewal as often as before', async () => {
  const windows = [-HOUR, 5 * DAY, DAY].map(start => ({ start: START + start, end: START + start + 1 }))
  let asked = 0
  const { attempts } = await run({
    duration: 2 * DAY,
    stored: certificateWithIssuer(),
    failing: attempt => (attempt === 0 ? new AcmeError('no') : undefined),
    suggestion: async () => windows[Math.min(asked++, 2)],
  })
  assert.deepEqual(attempts.map(Math.round), [0, 24])
})

test('a certificate that cannot be stored is in use, is not obtained again, and is stored later', async () => {
  let tries = 0
  const { attempts, delays, status } = await run({
    duration: DAY,
    store: () => {
      if (tries++ < 3) throw new AcmeError('acme.storage: the disk is full')
    },
  })
  assert.deepEqual([attempts, delays.length, tries], [[0], 3, 4])
  assert.deepEqual([status.failures, status.error], [0, undefined])
})

/** RFC 5280 §4.2.1.1, with the key identifier 1, 2, 3. */
const authorityKeyId = () => Buffer.from('300e0603551d23040730058003010203', 'hex')

/** Valid for 90 days from the start, with an authority key identifier, which renewal information needs. */
function certificateWithIssuer(): string {
  return selfSigned({
    commonName: 'test',
    validFrom: START,
    validTo: START + 90 * DAY,
    extensions: [subjectAltNames(['voice.example.org']), authorityKeyId()],
  }).cert
}
