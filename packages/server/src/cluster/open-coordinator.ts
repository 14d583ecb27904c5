// The coordinator of a configuration: NATS with its credentials and certificate authorities.
import { readFileSync } from 'node:fs'
import { credsAuthenticator } from '@nats-io/transport-node'
import type { Config } from '../config/config.ts'
import { ConfigError } from '../config/config-error.ts'
import { NatsCoordinator } from './nats-coordinator.ts'

/** Throws a `ConfigError` if a file cannot be read. Connects in the background. */
export function openCoordinator(cluster: Config['cluster']): NatsCoordinator {
  const { nats, prefix, replicas, nats_credentials: credentials, nats_ca: ca } = cluster
  const tls = ca === undefined ? undefined : { ca: readText('cluster.nats_ca', ca).toString() }
  const authenticator =
    credentials === undefined ? undefined : credsAuthenticator(readText('cluster.nats_credentials', credentials))
  const security = { ...(tls && { tls }), ...(authenticator && { authenticator }) }
  return new NatsCoordinator({ connection: { servers: [...nats], ...security }, prefix, replicas })
}

function readText(key: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new ConfigError(`${key}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`)
  }
}
