// A Discord client with the credentials that a demo prints.
import { readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { type DaveLibrary, VoiceClient } from '@parley/client'

/** Output of `parley demo --credentials`. */
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

/** A client that is not connected yet and closes with the test. */
export function invitedClient(t: TestContext, invitation: Invitation, dave?: DaveLibrary): VoiceClient {
  const { endpoint, server_id, channel_id, user_id, session_id, token, ca } = invitation
  const client = new VoiceClient({
    endpoint,
    serverId: server_id,
    channelId: channel_id,
    userId: user_id,
    sessionId: session_id,
    token,
    tls: { ca: readFileSync(ca) },
    dave,
  })
  t.after(() => client.close())
  return client
}
