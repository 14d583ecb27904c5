// Runs one case: the client joins with a fault, and plays; what happened is read from the server and from another member.
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestServer } from '../../dev/test-server-types.ts'
import { Driver, DriverError, lastError } from '../driver.ts'
import type { CaseResult, Outcome } from '../result.ts'
import { type ClientCase, LATER } from './cases.ts'
import { Counterpart, numberedFrame } from './counterpart.ts'

export interface CasePlace {
  server: TestServer
  guildId: string
  channelId: string
  command: readonly string[]
}

/** See docs/conformance.md. */
const ANSWERS = { login: 'logged_in', join: 'joined', play: 'played', leave: 'left' } as const
type ClientDriver = Driver<typeof ANSWERS>

const LOGIN = 30_000
const JOIN = 20_000
const PLAY = 20_000
/** Between the end of the join and a fault. */
const AFTER_JOIN = 300
/** Libraries wait longer after each failed reconnect: about 20 seconds in all. */
const ATTEMPTS = 8
/** Between attempts. */
const PAUSE = 1_000
const FRAMES = 50
/** Frames of 50 that have to arrive; some faults lose every fifth. */
const ENOUGH = 25

export async function runCase(test: ClientCase, place: CasePlace): Promise<CaseResult> {
  const { server, guildId, channelId, command } = place
  const { rest, gateway, ca } = server.addresses
  const started = performance.now()
  const counterpart = await Counterpart.join(server.addresses, `counterpart-${test.number}`, guildId, channelId)
  const driver = new Driver(ANSWERS, command, {
    PARLEY_REST: rest,
    PARLEY_GATEWAY: gateway,
    PARLEY_CA: ca,
    SSL_CERT_FILE: ca,
    NODE_EXTRA_CA_CERTS: ca,
  })
  // Names of users have at most 32 characters.
  const name = `c-${test.number.replace('fault-', '')}`
  let outcome: Outcome
  let detail = ''
  try {
    outcome = await outcomeOf(test, name, driver, counterpart, place)
  } catch (error) {
    if (!(error instanceof DriverError)) throw error
    outcome = driver.exit === undefined ? failureOf(server, name) : 'crashes'
    detail = outcome === 'crashes' ? `${error.message}; ${lastError(driver.stderr)}` : error.message
  } finally {
    await driver.end()
    await counterpart.close()
  }
  const broken = rulesOf(server, name)
  const time = Math.round(performance.now() - started)
  return {
    number: test.number,
    name: test.name,
    meaning: test.meaning,
    expected: test.expected,
    outcome,
    detail,
    broken,
    time,
  }
}

async function outcomeOf(
  test: ClientCase,
  name: string,
  driver: ClientDriver,
  counterpart: Counterpart,
  { server, guildId, channelId }: CasePlace,
): Promise<Outcome> {
  const { early, late } = faultsOf(test)
  await driver.call('login', { token: early === '' ? name : `${name}.fault:${early}` }, LOGIN)
  await driver.call('join', { guild_id: guildId, channel_id: channelId }, JOIN)
  await sleep(AFTER_JOIN)
  if (late !== '') server.fault(name, late)
  await sleep(test.settle)
  if (!server.members.some(member => member.name === name)) return 'stops'
  const { id } = server.user(name)
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const before = counterpart.heardOf(id)
    await play(driver)
    if (counterpart.heardOf(id) - before >= ENOUGH)
      return server.user(name).transcript.sessions > 1 ? 'recovers' : 'stays'
    if (test.expected === 'stops' && !isConnected(server, name)) return 'stops'
    await sleep(PAUSE)
  }
  return failureOf(server, name)
}

/**
 * Faults of the token, and those that begin when the client has joined. Their words say "after the session": a moment that some
 * libraries reach before their join is complete, and others after it, depending on the speed of the machine.
 */
function faultsOf({ words }: ClientCase): { early: string; late: string } {
  const all = words.split(',').filter(word => word !== '')
  const late = all.filter(word => word.endsWith(LATER)).map(word => word.slice(0, -LATER.length))
  return { early: all.filter(word => !word.endsWith(LATER)).join(), late: late.join() }
}

/** A library that is not connected may refuse to play, or play to nothing. */
async function play(driver: ClientDriver): Promise<void> {
  const frames = Array.from({ length: FRAMES }, (_, number) => Buffer.from(numberedFrame(number)).toString('base64'))
  await driver.call('play', { frames }, PLAY).catch((error: unknown) => {
    if (!(error instanceof DriverError) || driver.exit !== undefined) throw error
  })
  await sleep(300)
}

const isConnected = (server: TestServer, name: string) => {
  const member = server.members.find(each => each.name === name)
  return member !== undefined && server.user(name).isConnected
}

function failureOf(server: TestServer, name: string): Outcome {
  try {
    if (server.user(name).transcript.sessions === 0) return 'does not join'
    return isConnected(server, name) ? 'is silent' : 'stops'
  } catch {
    // It has not logged in.
    return 'does not join'
  }
}

function rulesOf(server: TestServer, name: string): string[] {
  try {
    return [...new Set(server.user(name).transcript.violations.map(({ rule }) => rule))]
  } catch {
    return []
  }
}
