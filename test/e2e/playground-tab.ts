// A browser tab with the playground, controlled by its visible labels.
import type { Browser, BrowserContext, Page } from 'playwright-core'
import type { Rtp } from './web-member.ts'

/** Records the page's peer connections for the test. */
export const KEEP_CONNECTIONS = `
  globalThis.connections = []
  globalThis.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...options) {
      super(...options)
      globalThis.connections.push(this)
    }
  }`

/**
 * Adds up the energy of each track that the page mixes, by its id. The statistics have none of tracks whose element is muted, as all of
 * this page are.
 */
const LISTEN = `;{
  const create = AudioContext.prototype.createMediaStreamSource
  globalThis.energies = new Map()
  AudioContext.prototype.createMediaStreamSource = function (stream) {
    const source = create.call(this, stream)
    const analyser = new AnalyserNode(this, { fftSize: 2048 })
    source.connect(analyser)
    const samples = new Float32Array(analyser.fftSize)
    const [{ id }] = stream.getAudioTracks()
    setInterval(() => {
      analyser.getFloatTimeDomainData(samples)
      const energy = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length
      globalThis.energies.set(id, (globalThis.energies.get(id) ?? 0) + energy / 20)
    }, 50)
    return source
  }
}`

/** Cameras of 480 by 270, the least of which Chromium sends two layers: encoders of large ones take the whole processor of a small machine. */
export const SMALL_CAMERA = `;{
  const open = MediaDevices.prototype.getUserMedia
  MediaDevices.prototype.getUserMedia = function ({ audio, video }) {
    return open.call(this, { audio, video: video && { ...video, width: 480, height: 270 } })
  }
}`

/** Statistics of the newest connection. */
export const READ_STATS = `(async () => {
  const report = await globalThis.connections.at(-1)?.getStats()
  return report === undefined ? [] : [...report.values()]
})()`

export type Stat = Partial<Rtp> & { type: string }

export interface TabOptions {
  size?: { width: number; height: number }
  /** Whether it has a touch screen. */
  touch?: boolean
  /** A script that runs before those of the page. */
  script?: string
}

const DESKTOP = { width: 1280, height: 860 }

export class Tab {
  readonly page: Page
  readonly name: string
  readonly #context: BrowserContext
  /** Exceptions and errors on the console. */
  readonly errors: string[] = []

  private constructor(context: BrowserContext, page: Page, name: string) {
    this.#context = context
    this.page = page
    this.name = name
    page.on('pageerror', error => this.errors.push(String(error)))
    page.on('console', message => message.type() === 'error' && this.errors.push(message.text()))
  }

  static async open(browser: Browser, url: string, name: string, options: TabOptions = {}) {
    const { size = DESKTOP, script = '', touch = false } = options
    const context = await browser.newContext({ viewport: size, hasTouch: touch })
    await context.addInitScript(KEEP_CONNECTIONS + LISTEN + script)
    const tab = new Tab(context, await context.newPage(), name)
    await tab.page.goto(url)
    return tab
  }

  close(): Promise<void> {
    return this.#context.close()
  }

  /** Joins, by default with the built-in speech, because a fake microphone only beeps. */
  async join(sound: 'Microphone' | 'Speech' | 'Tone' = 'Speech'): Promise<void> {
    await this.page.getByLabel('Your name').fill(this.name)
    await this.page.getByText(sound, { exact: true }).click()
    await this.press('Join')
    await this.says('Connected')
  }

  press(button: string): Promise<void> {
    return this.page.getByRole('button', { name: button, exact: true }).click()
  }

  /** Resolves when the page's status has the text. */
  async says(status: string): Promise<void> {
    await this.page.getByTestId('status').filter({ hasText: status }).waitFor()
  }

  /** Resolves when the member's row has the text. */
  async shows(member: string, text: string): Promise<void> {
    await this.#row(member).filter({ hasText: text }).waitFor()
  }
  async misses(member: string): Promise<void> {
    await this.#row(member).waitFor({ state: 'detached' })
  }

  problem(): Promise<string> {
    return this.page.getByTestId('problem').innerText()
  }

  stats(): Promise<Stat[]> {
    return this.page.evaluate<Stat[]>(READ_STATS)
  }

  /** The energy of the sound that was mixed, by SSRC. */
  async heard(): Promise<Map<number, number>> {
    const inbound = (await this.stats()).filter(({ type, kind }) => type === 'inbound-rtp' && kind === 'audio')
    const energies = new Map(await this.page.evaluate<[string, number][]>('[...globalThis.energies]'))
    return new Map(inbound.map(({ ssrc = 0, trackIdentifier = '' }) => [ssrc, energies.get(trackIdentifier) ?? 0]))
  }
  /** The tab's audio SSRC, from the Ready message in the trace. */
  async ssrc(): Promise<number> {
    await this.page.getByText('Protocol trace').click()
    const trace = await this.page.getByTestId('trace').innerText()
    return Number(/"op":2,"d":\{"ssrc":(\d+)/.exec(trace)?.[1])
  }
  /** Received audio packets, by SSRC. */
  async received(): Promise<Map<number, number>> {
    const inbound = (await this.stats()).filter(({ type, kind }) => type === 'inbound-rtp' && kind === 'audio')
    return new Map(inbound.map(({ ssrc = 0, packetsReceived = 0 }) => [ssrc, packetsReceived]))
  }
  async packetsSent(): Promise<number> {
    return (await this.stats()).reduce(
      (sum, { type, packetsSent = 0 }) => sum + (type === 'outbound-rtp' ? packetsSent : 0),
      0,
    )
  }

  /** The privacy code that the page shows, without spaces; undefined if it shows none. */
  async privacyCode(): Promise<string | undefined> {
    const [, code] = /privacy code ([\d ]+)/.exec(await this.#transport.innerText()) ?? []
    return code?.replaceAll(' ', '')
  }
  /** Resolves when the page says this about the encryption of the call. */
  async encrypts(text: string): Promise<void> {
    await this.#transport.filter({ hasText: text }).waitFor()
  }
  /** Frames that the page has encrypted and decrypted, as it shows them. */
  async frames(): Promise<{ sealed: number; opened: number; unopened: number }> {
    const shown = /(\d+) encrypted, (\d+) decrypted, (\d+) dropped/.exec(await this.#transport.innerText())
    const [, sealed, opened, unopened] = (shown ?? []).map(Number)
    return { sealed: sealed ?? 0, opened: opened ?? 0, unopened: unopened ?? 0 }
  }
  /** MIME types of the received video. */
  receivedCodecs(): Promise<string[]> {
    return this.page.evaluate<string[]>(`(async () => {
      const report = await globalThis.connections.at(-1).getStats()
      const videos = [...report.values()].filter(({ type, kind }) => type === 'inbound-rtp' && kind === 'video')
      return videos.flatMap(({ codecId }) => report.get(codecId)?.mimeType ?? [])
    })()`)
  }

  async framesDecoded(): Promise<number> {
    return (await this.stats()).reduce((sum, { framesDecoded = 0 }) => sum + framesDecoded, 0)
  }

  get #transport() {
    return this.page.getByTestId('transport')
  }

  #row(member: string) {
    return this.page.locator(`[data-testid="member"][data-name="${member}"]`)
  }
}

/** Packets of one source that arrive in half a second. */
export async function arriving(tab: Tab, ssrc: number): Promise<number> {
  const before = await tab.received()
  await new Promise(resolve => setTimeout(resolve, 500))
  return ((await tab.received()).get(ssrc) ?? 0) - (before.get(ssrc) ?? 0)
}
