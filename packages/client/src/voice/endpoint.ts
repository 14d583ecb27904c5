// From the endpoint that a backend hands out to the URL that is dialled.

import type { ConnectionTls } from '../connection.ts'

/** How to check the node's certificate; false for no TLS at all, which only the loopback may go without. */
export type VoiceTls = false | ConnectionTls

export interface VoiceTarget {
  /** `host` or `host:port`, without scheme or path. */
  endpoint: string
  /** Dialled instead of the endpoint: a `ws:` or `wss:` URL. */
  url?: string | undefined
  tls?: VoiceTls | undefined
}

/** The URL for one gateway version. Throws a RangeError for what is no endpoint, and for plain text to another machine. */
export function voiceUrl(target: VoiceTarget, version: number): URL {
  const text = target.url ?? `${target.tls === false ? 'ws' : 'wss'}://${target.endpoint}/`
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'ws:' && url.protocol !== 'wss:'))
    throw new RangeError(`expected host or host:port, found ${JSON.stringify(target.url ?? target.endpoint)}`)
  if (url.protocol === 'ws:' && !isLoopback(url.hostname))
    throw new RangeError(`without TLS only this machine can be reached, and ${url.hostname} is not it`)
  url.searchParams.set('v', String(version))
  return url
}

const isLoopback = (host: string) =>
  host === 'localhost' || host === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
