// DTLS ClientHellos: from strangers, which have proved no address, and from members that start their handshake again and again.

import { randomFillSync } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { encodeStunRequest } from '@parley/protocol'
import { stunMac } from '../../../packages/server/src/lane/crypto/stun-mac.ts'
import { DtlsClient, DtlsClients } from '../../load/webrtc/dtls-client.ts'
import { WEBRTC_PROFILE, WebrtcClient } from '../../load/webrtc/webrtc-client.ts'
import type { Flood, FloodStart } from '../flood-process.ts'
import { type Credentials, GatewaySession } from './gateway-session.ts'

/** Where the random of a ClientHello begins: after the headers of record and handshake, and the version. */
const RANDOM = 27
const RANDOM_LENGTH = 32
const STRANGERS = 8
const INTERVAL = 2
/** How often a member selects its protocol again, which ends its handshake and allows another. */
const SELECT_INTERVAL = 250
const KEYS_LENGTH = 56
const TRANSACTION_LENGTH = 12

export async function floodHandshakes({ extent, endpoint, members }: FloodStart): Promise<Flood> {
  const clients = await DtlsClients.open(WEBRTC_PROFILE)
  const [hello] = new DtlsClient(clients, KEYS_LENGTH).advance()
  if (hello === undefined) throw new Error('OpenSSL sent no ClientHello')
  const { sdp } = WebrtcClient.selection(clients, 1)
  const attackers = await Promise.all(members.map(member => Attacker.open(endpoint, member, sdp)))
  const { port } = attackers[0]!.session
  const strangers = await Promise.all(Array.from({ length: STRANGERS }, () => openSocket()))
  const sockets = [...attackers.map(({ socket }) => socket), ...strangers]
  let count = 0
  let due = 0
  const timer = setInterval(() => {
    for (due += (extent.handshakesPerSecond * INTERVAL) / 1_000; due >= 1; due--, count++) {
      const datagram = randomFillSync(Buffer.from(hello), RANDOM, RANDOM_LENGTH)
      sockets[count % sockets.length]!.send(datagram, port, '127.0.0.1')
    }
  }, INTERVAL)
  const selecting = setInterval(() => {
    for (const attacker of attackers) attacker.select()
  }, SELECT_INTERVAL)
  return {
    count: () => count,
    close() {
      clearInterval(timer)
      clearInterval(selecting)
      for (const socket of sockets) socket.close()
      for (const { session } of attackers) session.close()
    },
  }
}

class Attacker {
  readonly session: GatewaySession
  readonly socket: Socket
  readonly #sdp: string

  private constructor(session: GatewaySession, socket: Socket, sdp: string) {
    this.session = session
    this.socket = socket
    this.#sdp = sdp
    session.onDescription = answer => this.#proveAddress(answer)
  }

  static async open(endpoint: string, credentials: Credentials, sdp: string): Promise<Attacker> {
    const attacker = new Attacker(await GatewaySession.open(endpoint, credentials), await openSocket(), sdp)
    attacker.select()
    return attacker
  }

  select(): void {
    this.session.select(this.#sdp)
  }

  #proveAddress(answer: string): void {
    const [ufrag = '', password = ''] = ['ice-ufrag', 'ice-pwd'].map(name => lineOf(answer, name))
    const transaction = randomFillSync(new Uint8Array(TRANSACTION_LENGTH))
    const request = { transaction, username: `${ufrag}:${lineOf(this.#sdp, 'ice-ufrag')}`, useCandidate: true }
    const check = encodeStunRequest(request, Buffer.from(password), stunMac)
    this.socket.send(check, this.session.port, '127.0.0.1')
  }
}

const lineOf = (sdp: string, name: string): string => new RegExp(`a=${name}:(\\S+)`).exec(sdp)?.[1] ?? ''

async function openSocket(): Promise<Socket> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket
}
