// A conformance driver: discord.js with @discordjs/voice.
import { Readable } from 'node:stream'
import {
  AudioPlayerStatus,
  createAudioPlayer,
  createAudioResource,
  entersState,
  joinVoiceChannel,
  NoSubscriberBehavior,
  StreamType,
  VoiceConnectionStatus,
} from '@discordjs/voice'
import { Client, GatewayIntentBits } from 'discord.js'
import { bytes, rest, serve } from './lines.mjs'

const client = new Client({
  intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates],
  rest: { api: rest },
})
const player = createAudioPlayer({ behaviors: { noSubscriber: NoSubscriberBehavior.Play } })
// An error of one resource; the next one plays.
player.on('error', () => {})
let connection

serve({
  async login({ token }) {
    const ready = new Promise(resolve => client.once('clientReady', resolve))
    await client.login(token)
    await ready
    return { user_id: client.user.id }
  },
  async join({ guild_id: guildId, channel_id: channelId }) {
    const { voiceAdapterCreator: adapterCreator } = client.guilds.cache.get(guildId)
    connection = joinVoiceChannel({ guildId, channelId, adapterCreator, selfDeaf: false })
    connection.on('error', () => {})
    connection.subscribe(player)
    await entersState(connection, VoiceConnectionStatus.Ready, 15_000)
  },
  async play({ frames }) {
    const resource = createAudioResource(Readable.from(bytes(frames)), { inputType: StreamType.Opus })
    player.play(resource)
    await entersState(player, AudioPlayerStatus.Playing, 5_000)
    await entersState(player, AudioPlayerStatus.Idle, 15_000)
  },
  leave() {
    connection?.destroy()
  },
})
