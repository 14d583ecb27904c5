// Asks STUN servers for the public address of this machine: the one from which its datagrams arrive outside a NAT.
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { encodeStunBinding, readStunMapped, STUN_TRANSACTION_LENGTH } from '@parley/protocol'
import { SERVER_LIMITS } from '../limits.ts'

/** Each is asked until one answers. */
export const STUN_SERVERS: readonly string[] = ['stun.cloudflare.com:3478', 'stun.l.google.com:19302']
const STUN_PORT = 3_478

/**
 * The public IPv4 address, by the first server that answers; undefined if none does. `servers` are `host` or `host:port`, `delay`
 * is the time before the first retransmission.
 */
export async function publicAddress(
  servers: readonly string[],
  delay: number = SERVER_LIMITS.stunRetryDelay,
): Promise<string | undefined> {
  for (const server of servers) {
    const [host = '', port = STUN_PORT] = server.split(':')
    const address = await ask(host, Number(port), delay).catch(() => undefined)
    if (address !== undefined) return address
  }
  return undefined
}

/** Retransmits as RFC 8489 §6.2.1 does, but gives up sooner: an operator waits. */
async function ask(host: string, port: number, delay: number): Promise<string | undefined> {
  const { address } = await lookup(host, 4)
  const socket = createSocket('udp4')
  const transaction = randomBytes(STUN_TRANSACTION_LENGTH)
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise<string | undefined>((resolve, reject) => {
      let tries = 0
      const send = () => {
        if (tries++ >= SERVER_LIMITS.stunTries) return resolve(undefined)
        timer = setTimeout(send, delay * 2 ** (tries - 1))
        socket.send(encodeStunBinding(transaction), port, address)
      }
      socket.on('error', reject)
      socket.on('message', (bytes, from) => {
        const mapped = from.address === address ? readStunMapped(bytes, transaction) : undefined
        if (mapped?.address.length === 4) resolve(mapped.address.join('.'))
      })
      send()
    })
  } finally {
    clearTimeout(timer)
    socket.close()
  }
}
