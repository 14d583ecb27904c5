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
  readonly #voice: VoiceClient
  readonly #heard = new Map<string, number>()

  static async join(
    addresses: TestServerAddresses,
    name: string,
    guildId: string,
    channelId: string,
  ): Promise<Counterpart> {
    const socket = new WebSocket(`${addresses.gateway}?v=10&encoding=json`)
    const credentials = await credentialsOf(socket, name, guildId, channelId)
    const tls = { ca: readFileSync(addresses.ca) }
    const voice = new VoiceClient({ ...credentials, channelId, serverId: guildId, tls, dave: await optionalDave() })
    const counterpart = new Counterpart(socket, voice)
    await voice.connect()
    void counterpart.#talk()
    return counterpart
  }

  private constructor(socket: WebSocket, voice: VoiceClient) {
    this.#socket = socket
    this.#voice = voice
    voice.on('frame', ({ userId, payload }) => {
      if (userId === undefined || isSilence(payload)) return
      this.#heard.set(userId, (this.#heard.get(userId) ?? 0) + 1)
    })
    voice.on('error', () => {})
  }

  /** Frames of a user so far. */
  heardOf(userId: string): number {
    return this.#heard.get(userId) ?? 0
  }

  async close(): Promise<void> {
    await this.#voice.close()
    this.#socket.terminate()
  }

  async #talk(): Promise<void> {
    await this.#voice.play(Array.from({ length: FRAMES }, (_, number) => numberedFrame(number))).catch(() => {})
  }
}

const isSilence = (payload: Uint8Array) =>
  payload.length === OPUS_SILENCE.length && payload.every((byte, index) => byte === OPUS_SILENCE[index])

interface Dispatch {
  op: number
  t: string | null
  d: Record<string, unknown> & { user?: { id: string } }
}

/** Logs in and requests the channel. */
function credentialsOf(socket: WebSocket, name: string, guildId: string, channelId: string) {
  return new Promise<{ endpoint: string; token: string; userId: string; sessionId: string }>((resolve, reject) => {
    let userId = ''
    let sessionId = ''
    const send = (op: number, d: object) => socket.send(JSON.stringify({ op, d }))
    socket.once('close', code => reject(new Error(`the main gateway closed with ${code}`)))
    socket.on('error', reject)
    socket.on('message', data => {
      const { op, t, d } = JSON.parse(String(data)) as Dispatch
      if (op === 10) send(2, { token: name, intents: INTENTS })
      if (t === 'READY') {
        userId = d.user!.id
        sessionId = String(d.session_id)
        send(4, { guild_id: guildId, channel_id: channelId })
      }
      if (t === 'VOICE_SERVER_UPDATE')
        resolve({ endpoint: String(d.endpoint), token: String(d.token), userId, sessionId })
    })
  })
}
