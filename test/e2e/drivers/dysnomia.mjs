// A conformance driver: Dysnomia or Eris. `dysnomia.mjs FOLDER PACKAGE`: where the library is installed, and its name.
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { Readable } from 'node:stream'
import { bytes, rest, serve } from './lines.mjs'

const [, , folder, name] = process.argv
const { Client } = createRequire(resolve(folder, 'package.json'))(name)
const { hostname, port } = new URL(rest)

let client
let connection

serve({
  async login({ token }) {
    client = new Client(`Bot ${token}`, {
      gateway: { intents: ['guilds', 'guildVoiceStates'] },
      rest: { https: false, domain: hostname, port, baseURL: '/api/v10' },
      // Eris has the intents here.
      intents: ['guilds', 'guildVoiceStates'],
    })
    client.on('error', () => {})
    const ready = once(client, 'ready')
    await client.connect()
    await ready
    return { user_id: client.user.id }
  },
  async join({ channel_id: channelId }) {
    connection = await client.joinVoiceChannel(channelId)
    connection.on('error', () => {})
  },
  async play({ frames }) {
    const ended = once(connection, 'end')
    connection.play(Readable.from(bytes(frames)), { format: 'opusPackets', voiceDataTimeout: -1 })
    await ended
  },
  leave() {
    client.leaveVoiceChannel(connection.channelID)
  },
})
