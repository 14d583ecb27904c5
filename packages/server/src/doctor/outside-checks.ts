// `parley doctor --from`: what a second machine finds when it connects to a node as a client does.
import { lookup } from 'node:dns/promises'
import type { Finding, Problem } from './check.ts'
import { findingsOf } from './check.ts'
import { probeGateway, probeHttp, probeMedia } from './probe.ts'

/** Tokens and certificates tolerate a few seconds; more shows an unsynchronized clock. */
const CLOCK_DIFFERENCE = 30_000

export interface OutsideTarget {
  /** `host:port` of the voice gateway. */
  readonly endpoint: string
  readonly host: string
  /** Address and port of the first lane. */
  readonly media: { readonly host: string; readonly port: number }
  readonly isTls: boolean
}

const none: readonly Problem[] = []
const one = (problem: string, fix: string): readonly Problem[] => [{ problem, fix }]

/** Each entry is a step; the later ones need the earlier ones. */
export async function outsideFindings(target: OutsideTarget, now: number): Promise<Finding[]> {
  const { host, endpoint, isTls } = target
  const address = await lookup(host).catch(() => undefined)
  if (address === undefined)
    return findingsOf('endpoint-resolves', one(`${host} has no address in DNS`, `create an A record for ${host}`))
  const http = `${isTls ? 'https' : 'http'}://${endpoint}`
  const alive = await probeHttp(`${http}/livez`)
  const findings = [...findingsOf('endpoint-resolves', none), ...findingsOf('tcp', aliveProblems(alive, endpoint))]
  if (typeof alive === 'string') return findings
  const difference = Math.abs(alive.date - now)
  const gateway = await probeGateway(`${isTls ? 'wss' : 'ws'}://${endpoint}/`)
  return [
    ...findings,
    ...findingsOf(
      'clock',
      difference > CLOCK_DIFFERENCE
        ? one(
            `the clocks of this machine and of the node differ by ${Math.round(difference / 1_000)} s`,
            'synchronize both (timedatectl set-ntp true)',
          )
        : none,
    ),
    ...findingsOf(
      'websocket',
      gateway === undefined
        ? none
        : one(
            `the voice gateway does not greet over WebSocket: ${gateway}`,
            'let the proxy forward upgrades (proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade)',
          ),
    ),
    ...findingsOf('udp', await mediaProblems(target)),
  ]
}

function aliveProblems(alive: Awaited<ReturnType<typeof probeHttp>>, endpoint: string): readonly Problem[] {
  if (typeof alive !== 'string') {
    return alive.status === 200 && alive.text.trim() === 'alive'
      ? none
      : one(`${endpoint} answers with status ${alive.status}, not as a node`, 'check what listens on that port')
  }
  if (/CERT|ALTNAME|SELF_SIGNED|VERIFY/i.test(alive))
    return one(
      `${endpoint} is not trusted: ${alive}`,
      'use a certificate of a public authority for that name, with its chain',
    )
  return one(`${endpoint} cannot be reached: ${alive}`, 'open the TCP port in the firewall and check http.listen')
}

async function mediaProblems({ media: { host, port } }: OutsideTarget): Promise<readonly Problem[]> {
  if (await probeMedia(host, port).catch(() => false)) return none
  return one(
    `UDP port ${port} of ${host} does not answer`,
    'open the UDP ports from media.port on, one per lane, in the firewall, and forward them through NAT',
  )
}
