// A voice bot: joins with the credentials of a backend, then plays an Ogg Opus file, or repeats what it receives.
//
//   npx -p @parley/server parley demo --credentials > bot.json
//   node --import ./packages/server/bin/source.mjs examples/bot.ts bot.json [hello.opus]
//
// Credentials come from stdin if the file is `-`. Ctrl-C ends it.
import { readFileSync } from 'node:fs'
import { loadDavey, readOggOpus, VoiceClient } from '@parley/client'

/** The output of `parley demo --credentials`; `ca` is the path of the node's certificate if it is self-signed. */
interface Credentials {
  endpoint: string
  server_id: string
  channel_id: string
  user_id: string
  session_id: string
  token: string
  ca?: string
}

/** One minute: the most that the bot records before it plays it back. */
const MOST_FRAMES = 3_000
const SILENCE = 'f8fffe'

const [credentialsFile = '-', audioFile] = process.argv.slice(2)
const credentials: Credentials = JSON.parse(readFileSync(credentialsFile === '-' ? 0 : credentialsFile, 'utf8'))
/** A node on this machine may serve without TLS. */
const isLocal = /^(127\.0\.0\.1|localhost|\[::1\])(:|$)/.test(credentials.endpoint)

const client = new VoiceClient({
  endpoint: credentials.endpoint,
  serverId: credentials.server_id,
  channelId: credentials.channel_id,
  userId: credentials.user_id,
  sessionId: credentials.session_id,
  token: credentials.token,
  // End-to-end encryption, if @snazzah/davey is installed.
  dave: await loadDavey(),
  tls: credentials.ca !== undefined ? { ca: readFileSync(credentials.ca) } : isLocal ? false : {},
})
client.on('userConnected', ({ userId }) => console.log(`${userId} is here`))
client.on('userDisconnected', ({ userId }) => console.log(`${userId} left`))
client.on('disconnected', ({ code, next }) => console.log(`lost the connection (${code}); next: ${next}`))
client.on('resumed', () => console.log('resumed'))
client.on('closed', ({ code, reason }) => console.log(`closed: ${code} ${reason}`))
process.once('SIGINT', () => void client.close())

await client.connect()
console.log(`joined with ${client.mode}`)
if (audioFile === undefined) echo()
else {
  await client.play(readOggOpus(readFileSync(audioFile)).packets)
  await client.close()
}

/** Records one user until a silence frame, or until it leaves, then plays the recording to all members. */
function echo(): void {
  let speaker: string | undefined
  let recording: Uint8Array[] = []
  const playBack = () => {
    const finished = recording
    recording = []
    speaker = undefined
    if (finished.length > 0) client.play(finished).catch(error => console.log(String(error)))
  }
  client.on('frame', ({ userId, payload }) => {
    if (speaker !== undefined && userId !== speaker) return
    if (Buffer.from(payload).toString('hex') === SILENCE) return playBack()
    speaker = userId
    if (recording.length < MOST_FRAMES) recording.push(payload)
  })
  client.on('userDisconnected', ({ userId }) => {
    if (userId === speaker) playBack()
  })
}
