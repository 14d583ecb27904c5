// `parley serve --take-over`: asks the node that runs with the same configuration to release its ports.
import type { Config } from '../../config/config.ts'
import { ConfigError } from '../../config/config-error.ts'
import { AdminClient, AdminError } from './admin-client.ts'

/** Does nothing if no node answers. Throws a `ConfigError` if one runs from which no process can take over. */
export async function takeOver({ admin, cluster }: Config): Promise<void> {
  if (admin.socket === undefined)
    throw new ConfigError('--take-over: requires admin.socket, through which the running node is contacted')
  const client = new AdminClient({ socket: admin.socket })
  try {
    await client.get('/v1/status')
  } catch (error) {
    // No socket, or one that no process serves.
    if (error instanceof AdminError) return
    throw error
  }
  if (cluster.nats.length > 0)
    throw new ConfigError(
      '--take-over: cannot be used for a cluster node: stop it, and its channels move to other nodes',
    )
  try {
    await client.post('/v1/hand-over', {})
  } catch (error) {
    if (!(error instanceof AdminError)) throw error
    throw new ConfigError(`--take-over: the running node refuses: ${error.message}`)
  }
}
