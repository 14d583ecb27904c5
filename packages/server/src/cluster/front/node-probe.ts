// Whether the process of a node answers.
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import type { ProbeOutcome } from '@parley/core'
import type { NodeRecord } from '@parley/protocol'
import { SERVER_LIMITS } from '../../limits.ts'

/** `reset`: the connection ended without an answer, as while a process ends that still listened when it was accepted. */
type Attempt = ProbeOutcome | 'reset'

/**
 * Requests `/livez`: a stalled process accepts connections, and does not answer. After a reset it asks again, because a process that was
 * killed refuses connections a moment later. `ca`: see `NodeLinksOptions`. Never rejects.
 */
export async function probeNode({ lvsp }: NodeRecord, ca: string | undefined): Promise<ProbeOutcome> {
  try {
    const url = new URL('/livez', lvsp.replace(/^ws/, 'http'))
    for (let attempts = 0; attempts < SERVER_LIMITS.nodeProbeAttempts; attempts++) {
      if (attempts > 0) await delay(SERVER_LIMITS.nodeProbeInterval)
      const outcome = await requestLife(url, ca)
      if (outcome !== 'reset') return outcome
    }
  } catch {
    // A malformed URL.
  }
  return 'silent'
}

function requestLife(url: URL, ca: string | undefined): Promise<Attempt> {
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise(resolve => {
    const request = send(url, { agent: false, ca, timeout: SERVER_LIMITS.nodeProbeTimeout }, response => {
      response.resume()
      resolve(response.statusCode === 200 ? 'alive' : 'silent')
    })
    request.on('timeout', () => request.destroy(new Error('no answer')))
    request.on('error', (error: NodeJS.ErrnoException) => resolve(OUTCOMES[error.code ?? ''] ?? 'silent'))
    request.end()
  })
}

const OUTCOMES: Readonly<Record<string, Attempt>> = { ECONNREFUSED: 'refused', ECONNRESET: 'reset', EPIPE: 'reset' }
