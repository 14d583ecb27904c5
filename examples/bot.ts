// A voice bot: joins with what a backend gave it, then plays an Ogg Opus file, or says again what it hears.
//
//   parley demo --credentials > bot.json
//   node --import ./packages/server/bin/source.mjs examples/bot.ts bot.json [hello.opus]
//
// Credentials come from stdin where the file is `-`. Ctrl-C leaves.
import { readFileSync } from 'node:fs'
import { loadDavey, readOggOpus, VoiceClient } from '@parley/client'

/** What `parley demo --credentials` prints; `ca` is the path of the node's certificate, where that is its own. */
interface Credentials {
  endpoint: string
  server_id: string
  channel_id: string
  user_id: string
  session_id: string
  token: string
  ca?: string
}

/** A minute: what the bot remembers of one utterance. */
const MOST_FRAMES = 3_000
const SILENCE = 'f8fffe'

const [credentialsFile = '-', audioFile] = process.argv.slice(2)
const credentials: Credentials = JSON.parse(readFileSync(credentialsFile === '-' ? 0 : credentialsFile, 'utf8'))
/** A node on this machine may go without TLS. */
const isLocal = /^(127\.0\.0\.1|localhost|\[::1\])(:|$)/.test(credentials.endpoint)

const client = new VoiceClient({
  endpoint: credentials.endpoint,
  serverId: credentials.server_id,
  channelId: credentials.channel_id,
  userId: credentials.user_id,
  sessionId: credentials.session_id,
  token: credentials.token,
  // Encrypts end to end, if @snazzah/davey is installed.
  dave: await loadDavey(),
  tls: credentials.ca !== undefined ? { ca: readFileSync(credentials.ca) } : isLocal ? false : {},
})
client.on('userConnected', ({ userId }) => console.log(`${userId} is here`))
client.on('userDisconnected', ({ userId }) => console.log(`${userId} left`))
client.on('disconnected', ({ code, next }) => console.log(`lost the connection (${code}); will ${next}`))
client.on('resumed', () => console.log('and back'))
client.on('closed', ({ code, reason }) => console.log(`closed: ${code} ${reason}`))
process.once('SIGINT', () => void client.close())

await client.connect()
console.log(`joined with ${client.mode}`)
if (audioFile === undefined) echo()
else {
  await client.play(readOggOpus(readFileSync(audioFile)).packets)
  await client.close()
}

/** Keeps what one user says until it ends in silence, then plays it to everybody. */
function echo(): void {
  let speaker: string | undefined
  let heard: Uint8Array[] = []
  client.on('frame', ({ userId, payload }) => {
    if (speaker !== undefined && userId !== speaker) return
    const isSilence = Buffer.from(payload).toString('hex') === SILENCE
    if (!isSilence && heard.length < MOST_FRAMES) {
      speaker = userId
      heard.push(payload)
    }
    if (!isSilence || heard.length === 0) return
    const utterance = heard
    heard = []
    speaker = undefined
    client.play(utterance).catch(error => console.log(String(error)))
  })
}
