// A backend as a process: connects, lists the state that it has stored, and reports when the node has answered. Ended by SIGKILL.
import { LvspClient, type SyncedChannel } from '@parley/client'
import { SECRET } from '../node/node-process.ts'

process.on('message', async message => {
  const { url, channels } = message as BackendStart
  const backend = new LvspClient({ url, secret: SECRET })
  await backend.connect()
  backend.sync(channels)
  const { sessions } = await backend.stats()
  process.send?.({ sessions })
})

export interface BackendStart {
  readonly url: string
  readonly channels: readonly SyncedChannel[]
}
