// A conformance driver: oceanic.js, whose voice is @discordjs/voice. `oceanic.mjs FOLDER`: where the library is installed.
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { Readable } from 'node:stream'
import { bytes, gateway, rest, serve } from './lines.mjs'

const require = createRequire(resolve(process.argv[2], 'package.json'))
const [, , , name = 'oceanic.js'] = process.argv
const { Client } = require(name)
const { AudioPlayerStatus, createAudioPlayer, createAudioResource, entersState, StreamType, VoiceConnectionStatus } =
  require('@discordjs/voice')

let client
let connection
const player = createAudioPlayer({ behaviors: { noSubscriber: 'play' } })
player.on('error', () => {})

serve({
  async login({ token }) {
    client = new Client({
      auth: `Bot ${token}`,
      rest: { baseURL: `${rest}/v10` },
      gateway: {
        intents: ['GUILDS', 'GUILD_VOICE_STATES'],
        override: { url: async () => `${gateway}?v=10&encoding=json` },
      },
    })
    client.on('error', () => {})
    const ready = new Promise(resolve => client.once('ready', resolve))
    await client.connect()
    await ready
    return { user_id: client.user.id }
  },
  async join({ guild_id: guildID, channel_id: channelID }) {
    const { voiceAdapterCreator } = client.guilds.get(guildID)
    connection = client.joinVoiceChannel({ guildID, channelID, voiceAdapterCreator, selfDeaf: false })
    connection.on('error', () => {})
    connection.subscribe(player)
    await entersState(connection, VoiceConnectionStatus.Ready, 15_000)
  },
  async play({ frames }) {
    player.play(createAudioResource(Readable.from(bytes(frames)), { inputType: StreamType.Opus }))
    await entersState(player, AudioPlayerStatus.Playing, 5_000)
    await entersState(player, AudioPlayerStatus.Idle, 15_000)
  },
  leave() {
    connection?.destroy()
  },
})
