// Pages of browsers that run voice clients: the scripts that they load, and how a client in a page joins a call.
import { readFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import type { VoiceCredentials } from '@parley/client'
import { WebMember, type WebPage } from './web-member.ts'

const SCRIPTS = ['/web-client.mjs', '/web-dave.mjs', '/web-sdp.mjs'].map(
  path => [path, readFileSync(new URL(path.slice(1), import.meta.url))] as const,
)

export interface WebOptions {
  flow?: 'discord' | 'spacebar' | undefined
  /** Preferred video codec. Without it the client sends no video. */
  video?: 'VP8' | 'VP9' | 'H264' | 'AV1' | undefined
  /** The scalability mode of AV1; `L1T1` if absent. */
  mode?: string | undefined
  /** Simulcast layers of the camera, named in its packets. */
  layers?: { rid: string; quality: number; scale: number; maxBitrate: number }[] | undefined
  /** UDP port to send to instead of the node's. */
  through?: number | undefined
  /** Milliseconds of audio per packet. */
  packetTime?: number | undefined
  /** Whether the microphone captures a sound (the default) or silence, which takes little bandwidth. */
  speaks?: boolean | undefined
  /** Whether the client encrypts end to end; for scenes with `dave`. */
  dave?: boolean | undefined
  /** Milliseconds to wait for more members before the next negotiation. */
  patience?: number | undefined
}

/** Joins with another client in an open page; resolves when it has received its Session Description. `gateway` is a WebSocket URL. */
export async function joinFrom(
  page: WebPage,
  gateway: string,
  { serverId, channelId, userId, sessionId, token }: VoiceCredentials,
  options: WebOptions = {},
): Promise<WebMember> {
  const url = `${gateway}?v=9`
  const who = { server_id: serverId, channel_id: channelId, user_id: userId, session_id: sessionId, token }
  await page.evaluate(`import('/web-client.mjs').then(async ({ WebClient }) => {
    globalThis.clients ??= {}
    const client = clients[${JSON.stringify(userId)}] = new WebClient(${JSON.stringify({ url, ...who, ...options })})
    await client.connect()
  })`)
  return new WebMember(page, userId)
}

/** Serves an empty page, the client's scripts and further ones; resolves with their origin. */
export async function servePage(
  context: TestContext,
  further: Iterable<readonly [string, Buffer]> = [],
): Promise<string> {
  const scripts = new Map([...SCRIPTS, ...further])
  const http = createHttpServer(({ url = '' }, response) => {
    const script = scripts.get(url)
    const type = url.endsWith('.wasm') ? 'application/wasm' : 'text/javascript'
    response.setHeader('content-type', script === undefined ? 'text/html' : type)
    response.end(script ?? '<!doctype html><title>call</title><body></body>')
  })
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
  context.after(() => void http.close())
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`
}
