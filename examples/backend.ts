// A chat backend in forty lines: creates a channel on a node, lets users in, and prints what they need to connect.
//
//   PARLEY_BACKEND_0_SECRET=SECRET npx parley serve
//   node --import ./packages/server/bin/source.mjs examples/backend.ts ws://127.0.0.1:8443/lvsp SECRET 7 8
//
// A real backend sends each user a voice state update and a voice server update instead of printing them. Ctrl-C ends it.
import { LvspClient } from '@parley/client'

const [url = 'ws://127.0.0.1:8443/lvsp', secret = '', ...userIds] = process.argv.slice(2)
const channel = { guildId: '100', channelId: '500' }

const node = new LvspClient({ url, secret })
node.on('connected', ({ health, resumed }) => console.log(`node is ready, health ${health}`, resumed ?? ''))
node.on('disconnected', ({ reason, wait }) =>
  console.log(`node disconnected (${reason}), reconnecting in ${Math.round(wait)} ms`),
)
node.on('closed', ({ reason }) => console.log(`session closed: ${reason}`))
node.on('voiceStateConnected', ({ userId }) => console.log(`${userId} is connected`))
node.on('voiceStateDisconnected', ({ userId, code }) => console.log(`${userId} is disconnected (${code})`))
node.on('speaking', ({ userId, speaking }) => console.log(`${userId} ${speaking ? 'speaks' : 'is silent'}`))
node.on('error', error => console.log(error.message))

await node.connect()
const { endpoint } = await node.requestChannel(channel, { bitrate: 64_000 })
console.log(`channel ${channel.channelId} is at ${endpoint}`)

for (const userId of userIds) {
  const { sessionId, token } = await node.createVoiceState({ ...channel, userId })
  console.log('voice state update ', {
    guild_id: channel.guildId,
    channel_id: channel.channelId,
    user_id: userId,
    session_id: sessionId,
  })
  console.log('voice server update', { guild_id: channel.guildId, endpoint, token })
}

process.once('SIGINT', async () => {
  node.destroyChannel(channel)
  await node.close()
})
