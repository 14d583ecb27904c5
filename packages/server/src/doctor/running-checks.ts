// Checks of the running node: whether it answers, and whether its backends are connected.
import type { Status } from '../admin/views.ts'
import { usesAcme } from '../config/config.ts'
import { dialableHost, hostAndPort } from '../net/address.ts'
import { certificateProblems } from './acme-checks.ts'
import type { Finding, Problem, Subject } from './check.ts'
import { findingsOf } from './check.ts'
import { endpointOf } from './endpoint.ts'
import { outsideFindings } from './outside-checks.ts'

const one = (problem: string, fix: string): readonly Problem[] => [{ problem, fix }]

/** `status` is that of the admin API, or the reason why it cannot be read; undefined if none is configured. */
export async function runningFindings(
  { config, machine }: Subject,
  status: Status | string | undefined,
): Promise<Finding[]> {
  const running = [
    ...findingsOf('running', runningProblems(status)),
    ...(typeof status === 'object' ? findingsOf('certificate-renewal', certificateProblems(status)) : []),
  ]
  const backends = typeof status === 'object' ? findingsOf('backends', backendProblems(config.backend, status)) : []
  if (typeof status !== 'object' || config.http.listen.port === 0) return [...running, ...backends]
  const { host, port } = endpointOf(config)
  const isTls = config.http.tls_cert !== undefined || usesAcme(config) || config.http.behind_proxy
  const media = {
    host: mediaHost(config.media.announce, dialableHost(config.media.listen)),
    port: status.lanes[0]!.port,
  }
  const outside = await outsideFindings({ endpoint: hostAndPort(host, port), host, media, isTls }, machine.now)
  // From this machine: a node behind NAT may be unreachable from inside under its public address.
  const hairpin = outside.map(finding => ({ ...finding, check: `${finding.check}-from-here` }))
  return [...running, ...backends, ...hairpin]
}

const mediaHost = (announce: readonly string[], own: string) => announce[0] ?? own

/** Undefined is a problem too: without the admin socket nothing about the running node can be checked. */
function runningProblems(status: Status | string | undefined): readonly Problem[] {
  if (status === undefined)
    return one('the node cannot be asked, as admin.socket is not set', 'set admin.socket = "/run/parley/admin.sock"')
  if (typeof status === 'string') return one(status, 'start the node: systemctl start parley')
  if (status.draining) return one('the node is draining and takes no new calls', 'parley undrain, or restart it')
  return []
}

/** Backends connect to the node, so that the reason of a failure is on their side or in the log. */
function backendProblems(backends: Subject['config']['backend'], status: Status): readonly Problem[] {
  return backends
    .filter(({ id }) => !status.backends.some(({ backend, connected }) => backend === id && connected))
    .map(({ id, dialect }) => ({
      problem: `backend ${id} is not connected`,
      fix: `check its LVSP address and secret (dialect here: ${dialect}); parley tail --event lvsp. shows its attempts`,
    }))
}
