// The coordinator of a configuration: NATS with its credentials and certificate authorities.
import { credsAuthenticator } from '@nats-io/transport-node'
import type { Config } from '../config/config.ts'
import { readPem } from '../net/tls.ts'
import { NatsCoordinator } from './nats-coordinator.ts'

/** Throws a `ConfigError` if a file cannot be read. Connects in the background; a refusal is written to standard error. */
export function openCoordinator(cluster: Config['cluster']): NatsCoordinator {
  const { nats, prefix, replicas, nats_credentials: credentials, nats_ca: ca } = cluster
  const tls = ca === undefined ? undefined : { ca: readPem('cluster.nats_ca', ca) }
  const authenticator =
    credentials === undefined
      ? undefined
      : credsAuthenticator(Buffer.from(readPem('cluster.nats_credentials', credentials)))
  const security = { ...(tls && { tls }), ...(authenticator && { authenticator }) }
  const refused = (reason: string) => void process.stderr.write(`parley: cluster.nats: ${reason}\n`)
  return new NatsCoordinator({ connection: { servers: [...nats], ...security }, prefix, replicas, refused })
}
