// The other member of a case's channel: talks, and counts the frames that it receives.
import { readFileSync } from 'node:fs'
import { loadDavey, VoiceClient } from '@parley/client'
import { OPUS_SILENCE } from '@parley/protocol'
import { WebSocket } from 'ws'
import type { TestServerAddresses } from '../../dev/test-server-types.ts'

const INTENTS = (1 << 0) | (1 << 7)
const FRAMES = 500

type Dave = Awaited<ReturnType<typeof loadDavey>>
let dave: Promise<Dave | undefined> | undefined
/** Undefined where davey is not installed: the call is not encrypted end to end then. */
const optionalDave = () => {
  dave ??= loadDavey().catch(() => undefined)
  return dave
}

/** A frame of Opus that differs from others by its number. */
export const numberedFrame = (number: number): Uint8Array =>
  Uint8Array.of(0x78, 0x0a, number >> 8, number & 0xff, 1, 2, 3, 4, 5, 6, 7, 8)

export class Counterpart {
  readonly #socket: WebSocket
  readonly #place: { guildId: string; channelId: string; ca: Buffer }
  readonly #heard = new Map<string, number>()
  #voice: VoiceClient | undefined
  #isClosed = false

  static async join(
    addresses: TestServerAddresses,
    name: string,
    guildId: string,
    channelId: string,
  ): Promise<Counterpart> {
    const socket = new WebSocket(`${addresses.gateway}?v=10&encoding=json`)
    const counterpart = new Counterpart(socket, { guildId, channelId, ca: readFileSync(addresses.ca) })
    await new Promise<void>((resolve, reject) => {
      socket.once('close', code => reject(new Error(`the main gateway closed with ${code}`)))
      socket.on('error', reject)
      followVoice(socket, name, guildId, channelId, credentials => {
        counterpart.#connect(credentials).then(resolve, reject)
      })
    })
    return counterpart
  }

  private constructor(socket: WebSocket, place: { guildId: string; channelId: string; ca: Buffer }) {
    this.#socket = socket
    this.#place = place
  }

  /** Frames of a user so far. */
  heardOf(userId: string): number {
    return this.#heard.get(userId) ?? 0
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#voice?.close()
    this.#socket.terminate()
  }

  /** At the join, and when its channel has moved to another endpoint. */
  async #connect(credentials: VoiceCredentials): Promise<void> {
    const { guildId, channelId, ca } = this.#place
    await this.#voice?.close()
    const voice = new VoiceClient({
      ...credentials,
      channelId,
      serverId: guildId,
      tls: { ca },
      dave: await optionalDave(),
    })
    this.#voice = voice
    voice.on('frame', ({ userId, payload }) => {
      if (userId === undefined || isSilence(payload)) return
      this.#heard.set(userId, (this.#heard.get(userId) ?? 0) + 1)
    })
    voice.on('error', () => {})
    await voice.connect()
    if (this.#isClosed) return voice.close()
    void voice.play(Array.from({ length: FRAMES }, (_, number) => numberedFrame(number))).catch(() => {})
  }
}

interface VoiceCredentials {
  endpoint: string
  token: string
  userId: string
  sessionId: string
}

const isSilence = (payload: Uint8Array) =>
  payload.length === OPUS_SILENCE.length && payload.every((byte, index) => byte === OPUS_SILENCE[index])

interface Dispatch {
  op: number
  t: string | null
  d: Record<string, unknown> & { user?: { id: string } }
}

/** Logs in and requests the channel; `granted` is called for each VOICE_SERVER_UPDATE with an endpoint. */
function followVoice(
  socket: WebSocket,
  name: string,
  guildId: string,
  channelId: string,
  granted: (credentials: VoiceCredentials) => void,
): void {
  let userId = ''
  let sessionId = ''
  const send = (op: number, d: object) => socket.send(JSON.stringify({ op, d }))
  socket.on('message', data => {
    const { op, t, d } = JSON.parse(String(data)) as Dispatch
    if (op === 10) send(2, { token: name, intents: INTENTS })
    if (t === 'READY') {
      userId = d.user!.id
      sessionId = String(d.session_id)
      send(4, { guild_id: guildId, channel_id: channelId })
    }
    if (t === 'VOICE_SERVER_UPDATE' && typeof d.endpoint === 'string')
      granted({ endpoint: d.endpoint, token: String(d.token), userId, sessionId })
  })
}
