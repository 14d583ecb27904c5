// `parley serve --take-over`: asks the node that runs with the same configuration to release its ports.
import type { Config } from '../../config/config.ts'
import { ConfigError } from '../../config/config-error.ts'
import { AdminClient, AdminError } from './admin-client.ts'

/** Returns false if no node runs. Throws a `ConfigError` if one runs that cannot be succeeded. */
export async function takeOver({ admin, cluster }: Config): Promise<boolean> {
  if (admin.socket === undefined)
    throw new ConfigError('--take-over: requires admin.socket, by which the running node is asked')
  const client = new AdminClient({ socket: admin.socket })
  try {
    await client.get('/v1/status')
  } catch (error) {
    // No socket, or one that no process serves.
    if (error instanceof AdminError) return false
    throw error
  }
  if (cluster.nats.length > 0)
    throw new ConfigError('--take-over: not for a node of a cluster, whose channels move to the others: stop it')
  try {
    await client.post('/v1/hand-over', {})
    return true
  } catch (error) {
    if (!(error instanceof AdminError)) throw error
    throw new ConfigError(`--take-over: the running node refuses: ${error.message}`)
  }
}
