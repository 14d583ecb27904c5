// The URL of a voice gateway from the endpoint in the voice server update.
import type { ConnectionTls } from '../connection.ts'

/** Verification of the node's certificate; false for no TLS, which is allowed on the loopback interface only. */
export type VoiceTls = false | ConnectionTls

/** Where the voice gateway is. */
export interface VoiceTarget {
  /** `endpoint` of the voice server update: `host` or `host:port`, without scheme or path. */
  endpoint: string
  /** `ws:` or `wss:` URL to use instead of the endpoint. */
  url?: string | undefined
  /** Default: TLS with the system's certificate authorities. */
  tls?: VoiceTls | undefined
}

/** The URL for a gateway version. Throws a RangeError for an invalid endpoint, and for a connection without TLS to another machine. */
export function voiceUrl(target: VoiceTarget, version: number): URL {
  const text = target.url ?? `${target.tls === false ? 'ws' : 'wss'}://${target.endpoint}/`
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isEndpoint = target.url !== undefined || isHost(target.endpoint)
  if (url === undefined || (url.protocol !== 'ws:' && url.protocol !== 'wss:') || url.hash !== '' || !isEndpoint)
    throw new RangeError(`expected host or host:port, found ${JSON.stringify(target.url ?? target.endpoint)}`)
  if (url.protocol === 'ws:' && !isLoopback(url.hostname))
    throw new RangeError(`expected TLS for ${url.hostname}: without it only the loopback interface is allowed`)
  url.searchParams.set('v', String(version))
  return url
}

/** Without scheme, user, path and query, which a URL would accept. */
const isHost = (endpoint: string) => !/[/\\?@]/.test(endpoint)

const isLoopback = (host: string) =>
  host === 'localhost' || host === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
