// The system's Firefox, headless, with a fake microphone and camera, controlled by WebDriver BiDi over a WebSocket.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import WebSocket from 'ws'
import type { WebPage } from './web-member.ts'

const FIREFOX = '/usr/bin/firefox-esr'
const START_LIMIT = 60_000
const SETTINGS = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'media.autoplay.default': 0,
  'media.autoplay.blocking_policy': 0,
  // No downloads and no telemetry during the tests.
  'media.gmp-manager.updateEnabled': false,
  'app.update.enabled': false,
  'app.normandy.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.page': 0,
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,',
  'toolkit.telemetry.enabled': false,
} as const

/** A non-loopback address of this machine, because Firefox sends no media to 127.0.0.1. Packets to it stay on the machine. */
export const ownAddress = (): string | undefined =>
  Object.values(networkInterfaces())
    .flat()
    .find(address => address?.family === 'IPv4' && !address.internal)?.address

/** Why tests with Firefox are skipped. CI must have it, so they fail there if it is missing. */
export function withoutFirefox(): string | false {
  if (process.env.CI === 'true') return false
  if (!existsSync(FIREFOX)) return `no ${FIREFOX}`
  return ownAddress() === undefined && 'no IPv4 address but loopback'
}

interface Reply {
  id?: number
  type: 'success' | 'error' | 'event'
  result?: unknown
  message?: string
}

export class Firefox {
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, (reply: Reply) => void>()
  #nextId = 1

  /** Starts Firefox; it ends with the test. */
  static async open(context: TestContext): Promise<Firefox> {
    const folder = mkdtempSync(join(tmpdir(), 'parley-firefox-'))
    const child = start(folder)
    context.after(async () => {
      await end(child)
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    })
    const socket = new WebSocket(`${await listening(child)}/session`)
    await once(socket, 'open')
    const firefox = new Firefox(socket)
    await firefox.command('session.new', { capabilities: {} })
    return firefox
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', data => {
      const reply = JSON.parse(String(data)) as Reply
      if (reply.id !== undefined) this.#waiting.get(reply.id)?.(reply)
    })
    socket.on('close', () => {
      for (const answer of this.#waiting.values()) answer({ type: 'error', message: 'Firefox has ended' })
    })
  }

  async openPage(url: string): Promise<WebPage> {
    const { context } = (await this.command('browsingContext.create', { type: 'tab' })) as { context: string }
    await this.command('browsingContext.navigate', { context, url, wait: 'complete' })
    return {
      evaluate: async <T>(expression: string) => (await this.#evaluate(context, expression)) as T,
      reload: () => this.command('browsingContext.reload', { context, wait: 'complete' }),
    }
  }

  /** Sends a WebDriver BiDi command (https://w3c.github.io/webdriver-bidi/); resolves with its result. */
  async command(method: string, params: object): Promise<unknown> {
    const id = this.#nextId++
    const reply = await new Promise<Reply>(resolve => {
      this.#waiting.set(id, resolve)
      this.#socket.send(JSON.stringify({ id, method, params }))
    })
    this.#waiting.delete(id)
    if (reply.type !== 'success') throw new Error(`${method}: ${reply.message}`)
    return reply.result
  }

  async #evaluate(context: string, expression: string): Promise<unknown> {
    const answer = (await this.command('script.evaluate', {
      expression: `(async () => JSON.stringify(await (${expression})))()`,
      target: { context },
      awaitPromise: true,
    })) as { result?: { value?: string }; exceptionDetails?: { text: string } }
    if (answer.exceptionDetails !== undefined) throw new Error(answer.exceptionDetails.text)
    const { value } = answer.result ?? {}
    return value === undefined ? undefined : JSON.parse(value)
  }
}

function start(folder: string): ChildProcess {
  const settings = Object.entries(SETTINGS).map(
    ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`,
  )
  writeFileSync(join(folder, 'user.js'), settings.join('\n'))
  const args = ['--headless', '--no-remote', '--profile', folder, '--remote-debugging-port', '0']
  // Files outside of the profile are removed with the folder too.
  const env = { PATH: process.env.PATH, HOME: folder, TMPDIR: folder, MOZ_CRASHREPORTER_DISABLE: '1' }
  return spawn(FIREFOX, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
}

/** Resolves with the address of its WebDriver BiDi server; rejects with its output if it does not start. */
function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    const fail = (why: string) => reject(new Error(`Firefox ${why}: ${said.slice(-2_000)}`))
    const timer = setTimeout(() => fail(`was not ready in ${START_LIMIT} ms`), START_LIMIT)
    child.once('error', error => fail(String(error)))
    child.once('exit', code => fail(`ended with ${code}`))
    child.stderr?.on('data', chunk => {
      said += chunk
      const [, address] = /WebDriver BiDi listening on (ws:\/\/\S+)/.exec(said) ?? []
      if (address === undefined) return
      clearTimeout(timer)
      resolve(address)
    })
  })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 5_000)
  await ended
  clearTimeout(timer)
}
