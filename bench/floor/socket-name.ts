// The socket name of an IPv4 address and port, as sendmmsg expects it.
import { ADDRESS_WORDS, writeAddress } from '@parley/core'
import { DESTINATION_WORDS } from '../../packages/server/src/lane/engine/outgoing-datagrams.ts'
import { writeSocketName } from '../../packages/server/src/lane/engine/socket-name.ts'

export function nameOf(ip: string, port: number): Int32Array {
  const words = new Int32Array(ADDRESS_WORDS)
  if (!writeAddress(words, 0, ip, port)) throw new Error(`expected an address, found ${ip}`)
  const name = new Int32Array(DESTINATION_WORDS)
  writeSocketName(new DataView(name.buffer), 0, false, words, 0)
  return name
}
