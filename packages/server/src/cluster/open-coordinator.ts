// The coordinator of a configuration: NATS with its credentials and certificate authorities.
import { type Authenticator, credsAuthenticator, nkeyAuthenticator } from '@nats-io/transport-node'
import type { Config } from '../config/config.ts'
import { ConfigError } from '../config/config-error.ts'
import { readPem } from '../net/tls.ts'
import { NatsCoordinator } from './nats-coordinator.ts'

/** The seed of an NKey of a user begins so. */
const SEED = /^SU[A-Z2-7]{56}$/m

/** Throws a `ConfigError` if a file cannot be read. Connects in the background; a refusal is written to standard error. */
export function openCoordinator(cluster: Config['cluster']): NatsCoordinator {
  const { nats, id, prefix, replicas, nats_credentials: credentials, nats_ca: ca } = cluster
  const tls = ca === undefined ? undefined : { ca: readPem('cluster.nats_ca', ca) }
  const authenticator =
    credentials === undefined ? undefined : authenticatorOf(readPem('cluster.nats_credentials', credentials))
  const security = { ...(tls && { tls }), ...(authenticator && { authenticator }) }
  const refused = (reason: string) => void process.stderr.write(`parley: cluster.nats: ${reason}\n`)
  return new NatsCoordinator({
    connection: { servers: [...nats], inboxPrefix: `_INBOX.${id}`, ...security },
    prefix,
    replicas,
    refused,
  })
}

/** Of a credentials file, which has a token and a seed, or of a file with a seed alone. */
function authenticatorOf(text: string): Authenticator {
  const bytes = Buffer.from(text)
  if (text.includes('-----BEGIN NATS USER JWT-----')) return credsAuthenticator(bytes)
  const [seed] = SEED.exec(text) ?? []
  if (seed === undefined)
    throw new ConfigError('cluster.nats_credentials: expected a .creds file of NATS, or the seed of an NKey (SU…)')
  return nkeyAuthenticator(Buffer.from(seed))
}
