// A native client with the credentials that a demo gives out.
import { readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { VoiceClient } from '@parley/client'

/** What `parley demo --credentials` prints. */
export interface Invitation {
  endpoint: string
  server_id: string
  channel_id: string
  user_id: string
  session_id: string
  token: string
  /** Path of the certificate to trust. */
  ca: string
}

/** Not connected yet. Leaves with the test. */
export function invitedClient(t: TestContext, invitation: Invitation): VoiceClient {
  const { endpoint, server_id, channel_id, user_id, session_id, token, ca } = invitation
  const client = new VoiceClient({
    endpoint,
    serverId: server_id,
    channelId: channel_id,
    userId: user_id,
    sessionId: session_id,
    token,
    tls: { ca: readFileSync(ca) },
  })
  t.after(() => client.close())
  return client
}
