// What tests of the playground share: a demo with its bots, a browser, and tabs and bots that join the call.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, type TestContext } from 'node:test'
import type { DaveLibrary, VoiceClient } from '@parley/client'
import type { Browser } from 'playwright-core'
import { Demo } from '../../packages/server/src/demo/demo.ts'
import { openChromium } from './chromium.ts'
import { type Invitation, invitedClient } from './invited-client.ts'
import { ParleyProcess } from './parley-process.ts'
import { SMALL_CAMERA, Tab, type TabOptions } from './playground-tab.ts'
import { untilFits } from './until.ts'

/** More energy than a decoder generates without packets. */
const AUDIBLE = 0.0005

/** Resolves when the tab has played this many voices. */
export const audible = (tab: Tab, sources: number): Promise<unknown> =>
  untilFits(
    `${sources} voices at ${tab.name}`,
    () => tab.heard(),
    energies => [...energies.values()].filter(energy => energy > AUDIBLE).length >= sources,
  )

/** `parley demo` and Chromium, for all tests of a file. */
export class PlaygroundScene {
  #folder = ''
  #demo: ParleyProcess | undefined
  #browser: Browser | undefined
  /** Of the page. */
  url = ''

  /** Opens it before the tests and closes it after them, unless they are skipped. */
  constructor(skip: string | false) {
    if (skip !== false) return
    before(async () => {
      this.#folder = mkdtempSync(join(tmpdir(), 'parley-test-'))
      this.#demo = new ParleyProcess(['demo', '--port', '0', '--no-view'], { folder: this.#folder })
      this.#browser = await openChromium()
      await this.#demo.says(/ben is here/)
      this.url = /http:\/\/127\.0\.0\.1:\d+\/playground\//.exec(this.#demo.stdout)![0]
    })
    after(async () => {
      await this.#browser?.close()
      this.#demo?.kill()
      rmSync(this.#folder, { recursive: true, force: true })
    })
  }

  /** `open` and `joined` as functions. */
  get openers(): Pick<PlaygroundScene, 'open' | 'joined'> {
    return { open: (t, name, options) => this.open(t, name, options), joined: (t, ...more) => this.joined(t, ...more) }
  }

  async open(t: TestContext, name: string, options?: TabOptions): Promise<Tab> {
    const tab = await Tab.open(this.#browser!, this.url, name, options)
    t.after(() => tab.close())
    return tab
  }

  async joined(t: TestContext, name: string, options?: TabOptions): Promise<Tab> {
    const tab = await this.open(t, name, options)
    await tab.join()
    return tab
  }

  /** Credentials of the demo for a client that is not a tab. */
  async invitation(t: TestContext): Promise<Invitation> {
    const asking = new ParleyProcess(['demo', '--credentials'], { folder: this.#folder, t })
    assert.equal(await asking.exit, 0, asking.stderr)
    return JSON.parse(asking.stdout)
  }

  /** A client in the same call, not connected yet. */
  async client(t: TestContext, library?: DaveLibrary): Promise<VoiceClient> {
    return invitedClient(t, await this.invitation(t), library)
  }
}

/** A demo without bots in this process, so that tests can look into its node. */
export const openQuietDemo = (): Promise<Demo> =>
  Demo.open({ port: 0, logSink: { write: () => {} }, onEvent: () => {} })

/** `of`: another demo than that of the scene. */
type QuietOptions = TabOptions & { of?: Demo }
type Opener = (t: TestContext, name: string, options?: QuietOptions) => Promise<Tab>

/** A quiet demo and Chromium, for all tests of a file; tabs have small cameras. */
export class QuietScene {
  #demo: Demo | undefined
  #browser: Browser | undefined

  /** `flags` are those of Chromium. See `PlaygroundScene`. */
  constructor(skip: string | false, ...flags: string[]) {
    if (skip !== false) return
    before(async () => {
      ;[this.#demo, this.#browser] = await Promise.all([openQuietDemo(), openChromium(...flags)])
    })
    after(async () => {
      await this.#browser?.close()
      await this.#demo?.close()
    })
  }

  get demo(): Demo {
    return this.#demo!
  }

  /** A tab of the playground at the URL. */
  async openAt(t: TestContext, url: string, name: string, { script = '', ...options }: TabOptions = {}): Promise<Tab> {
    const tab = await Tab.open(this.#browser!, url, name, { script: SMALL_CAMERA + script, ...options })
    t.after(() => tab.close())
    return tab
  }

  /** `open` and `joined` as functions. */
  get openers(): { open: Opener; joined: Opener } {
    const open: Opener = (t, name, { of = this.demo, ...options } = {}) =>
      this.openAt(t, of.server.playgroundUrl!, name, options)
    const joined: Opener = async (...which) => {
      const tab = await open(...which)
      await tab.join()
      return tab
    }
    return { open, joined }
  }
}
