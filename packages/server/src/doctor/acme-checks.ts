// Checks of a certificate that the node obtains itself.
import type { Status } from '../admin/views.ts'
import { usesAcme } from '../config/config.ts'
import type { Check, Problem, Subject } from './check.ts'
import { endpointOf } from './endpoint.ts'

const NONE: readonly Problem[] = []
/** Where authorities connect for TLS-ALPN-01 (RFC 8737 §3). */
const HTTPS_PORT = 443

function settings({ config }: Subject): readonly Problem[] {
  if (!usesAcme(config)) return NONE
  const { acme, http } = config
  const { host, port } = endpointOf(config)
  const problems: Problem[] = []
  if (!acme.names.some(name => name.toLowerCase() === host.toLowerCase()))
    problems.push({
      problem: `clients are sent to ${host}, which is not one of acme.names (${acme.names.join(', ')})`,
      fix: `add "${host}" to acme.names`,
    })
  if (acme.challenge === 'tls-alpn-01' && port !== HTTPS_PORT && http.listen.port !== HTTPS_PORT)
    problems.push({
      problem: `acme.challenge is tls-alpn-01, for which the authority connects to port 443, but the node listens on port ${http.listen.port}`,
      fix: 'set http.listen to port 443, or acme.challenge = "http-01", for which port 80 has to be reachable',
    })
  return problems
}

/** In the order of docs/operating.md. */
export const ACME_CHECKS: readonly Check[] = [
  {
    name: 'acme',
    summary: 'The certificate that the node obtains itself is for its endpoint, and the authority can verify it.',
    run: settings,
  },
]

/** What the running node says of its attempts. */
export function certificateProblems({ certificate }: Status): readonly Problem[] {
  if (certificate === undefined || (certificate.failures === 0 && certificate.until !== undefined)) return NONE
  const { until, error, next_attempt: next } = certificate
  const kept = until === undefined ? 'there is none yet' : `the one in use is valid until ${until}`
  const again = next === undefined ? 'being repeated now' : `repeated at ${next}`
  if (error === undefined)
    return [{ problem: 'the first certificate is being obtained', fix: 'wait a minute; parley tail shows the result' }]
  return [
    {
      problem: `the certificate could not be obtained or stored (${kept}): ${error}`,
      fix: `correct what the sentence names; the attempt is ${again}, and at once after a restart`,
    },
  ]
}
