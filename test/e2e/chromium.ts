// The system's Chromium, headless, with a fake microphone and camera.
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const CHROMIUM = '/usr/bin/chromium'
const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
]

/** Why tests with Chromium are skipped. CI must have it, so they fail there if it is missing. */
export const withoutChromium = (): string | false =>
  existsSync(CHROMIUM) || process.env.CI === 'true' ? false : `no ${CHROMIUM}`

export const openChromium = (...more: readonly string[]): Promise<Browser> => openChromiumBy(CHROMIUM, ...more)

/** `program` starts Chromium, such as in another network namespace. */
export const openChromiumBy = (program: string, ...more: readonly string[]): Promise<Browser> =>
  chromium.launch({ executablePath: program, args: [...ARGUMENTS, ...more] })
