// A client of ICE-TCP without a browser: checks in frames, over a TCP connection to the port of the voice gateway.
import { createHmac, randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { encodeFrame, encodeStunRequest, FrameReader, type StunMac } from '@parley/protocol'
import WebSocket from 'ws'

const mac: StunMac = (key, bytes, length) => createHmac('sha1', key).update(bytes.subarray(0, length)).digest()
const CLIENT_UFRAG = 'cLnt'
const OFFER = [
  `a=ice-ufrag:${CLIENT_UFRAG}`,
  'a=ice-pwd:0123456789abcdefghijklmn',
  `a=fingerprint:sha-256 ${Array.from({ length: 32 }, () => 'AB').join(':')}`,
].join('\n')

/** The lines of Session Description that a check needs, and its candidates. */
export interface Answer {
  ufrag: string
  password: string
  candidates: string[]
}

/** Identifies and selects WebRTC; resolves with the node's answer. The WebSocket stays open. */
export function negotiate(context: TestContext, url: string, who: object, options: object = {}): Promise<Answer> {
  const ws = new WebSocket(`${url}?v=8`, options)
  context.after(() => ws.terminate())
  return new Promise((resolve, reject) => {
    ws.on('error', reject)
    ws.on('close', (code, reason) => reject(new Error(`closed with ${code} ${reason}`)))
    ws.on('message', data => {
      const { op, d } = JSON.parse(String(data)) as { op: number; d: { sdp: string } }
      if (op === 8) ws.send(JSON.stringify({ op: 0, d: who }))
      if (op === 2) ws.send(JSON.stringify({ op: 1, d: { protocol: 'webrtc', sdp: OFFER, codecs: [] } }))
      if (op === 4) resolve(answerOf(d.sdp))
    })
  })
}

function answerOf(sdp: string): Answer {
  const [ufrag = '', password = ''] = ['a=ice-ufrag:', 'a=ice-pwd:'].map(
    name =>
      sdp
        .split('\n')
        .find(line => line.startsWith(name))
        ?.slice(name.length) ?? '',
  )
  return { ufrag, password, candidates: sdp.match(/^a=candidate:.*$/gm) ?? [] }
}

/** A genuine check, unless the password is another one. */
export function checkFor({ ufrag, password }: Answer): Uint8Array {
  const check = { transaction: randomBytes(12), username: `${ufrag}:${CLIENT_UFRAG}`, useCandidate: true }
  return encodeStunRequest(check, Buffer.from(password), mac)
}

export class FramedClient {
  readonly socket: Socket
  /** Frames that arrived. */
  readonly frames: Uint8Array[] = []
  isClosed = false

  constructor(context: TestContext, port: number, localAddress?: string) {
    this.socket = connect({ port, host: '127.0.0.1', ...(localAddress !== undefined && { localAddress }) })
    const reader = new FrameReader(2_048)
    this.socket.on('data', chunk => void reader.read(chunk, frame => this.frames.push(frame.slice())))
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.isClosed = true
    })
    context.after(() => this.socket.destroy())
  }

  send(datagram: Uint8Array): void {
    this.socket.write(encodeFrame(datagram))
  }
}
