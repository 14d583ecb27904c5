// The session of an attacker at the voice gateway, with credentials of its own.
import { VoiceOp } from '@parley/protocol'
import { WebSocket } from 'ws'
import type { FloodStart } from '../flood-process.ts'

export type Credentials = FloodStart['members'][number]

export class GatewaySession {
  readonly #socket: WebSocket
  /** UDP port of the node. */
  readonly port: number
  /** Called with the SDP fragment of each Session Description. */
  onDescription: (sdp: string) => void = () => {}

  private constructor(socket: WebSocket, port: number) {
    this.#socket = socket
    this.port = port
    socket.on('message', data => {
      const { op, d } = decoded(data)
      if (op === VoiceOp.SessionDescription) this.onDescription(String(d.sdp))
    })
  }

  static async open(endpoint: string, credentials: Credentials): Promise<GatewaySession> {
    const socket = new WebSocket(`ws://${endpoint}/?v=8`)
    const port = await new Promise<number>((resolve, reject) => {
      socket.on('error', reject)
      socket.on('close', code => reject(new Error(`closed with ${code} before Ready`)))
      socket.once('open', () => socket.send(JSON.stringify({ op: VoiceOp.Identify, d: credentials })))
      socket.on('message', data => {
        const { op, d } = decoded(data)
        if (op === VoiceOp.Ready) resolve(Number(d.port))
      })
    })
    return new GatewaySession(socket, port)
  }

  /** A node that refuses sends no description. */
  select(sdp: string): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    const d = { protocol: 'webrtc', data: sdp, sdp, codecs: [] }
    this.#socket.send(JSON.stringify({ op: VoiceOp.SelectProtocol, d }))
  }

  close(): void {
    this.#socket.terminate()
  }
}

const decoded = (data: unknown) => JSON.parse(String(data)) as { op: number; d: Record<string, unknown> }
