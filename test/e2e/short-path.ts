// A socket of the ffi engine whose path takes less than its datagrams, in a network namespace of its own. Prints the lengths that arrived.
import { spawnSync } from 'node:child_process'
import { ADDRESS_WORDS, writeAddress } from '@parley/core'
import { DatagramSocket, SOCKET_SIZE } from '../../packages/server/src/lane/engine/datagram-socket.ts'
import { Native } from '../../packages/server/src/lane/engine/native-calls.ts'
import { NativeMemory } from '../../packages/server/src/lane/engine/native-memory.ts'
import { DESTINATION_WORDS } from '../../packages/server/src/lane/engine/outgoing-datagrams.ts'

const MTU = 600
const LENGTHS = [100, 1_200, 100, 1_200, 1_200, 100]

const loaded = await Native.load()
if (!loaded.ok) throw new Error(loaded.reason)
const native = loaded.value
const { status, stderr } = spawnSync('ip', ['link', 'set', 'lo', 'up', 'mtu', `${MTU}`], { encoding: 'utf8' })
if (status !== 0) throw new Error(stderr)

const open = () =>
  new DatagramSocket(native, new NativeMemory(native, SOCKET_SIZE + 1024), { ip: '127.0.0.1', port: 0 })
const from = open()
const to = open()
const words = new Int32Array(ADDRESS_WORDS)
writeAddress(words, 0, '127.0.0.1', to.port)
const destination = new Int32Array(DESTINATION_WORDS)
from.writeDestination(destination, words, 0)
for (const length of LENGTHS) {
  from.claim()
  from.queue(length, destination)
}
from.flush()
const arrived: number[] = []
for (let batch = to.receive(64); batch !== undefined; batch = to.receive(64))
  arrived.push(...batch.lengths.subarray(0, batch.count))
console.log(JSON.stringify({ sent: LENGTHS, arrived, failed: from.failed }))
from.close()
to.close()
