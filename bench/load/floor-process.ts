// The floor, in a process of its own as the node is: seals and sends the copies that a node would, and does nothing else.
// Started with fork by floor.ts.
import { RTP_HEADER, SERVER_NONCE_LENGTH, writeServerNonce } from '@parley/protocol'
import { MessageSocket, SEND_BATCH, SOCKET_SIZE } from '../../packages/server/src/lane/message-socket.ts'
import { Native } from '../../packages/server/src/lane/native-calls.ts'
import { NativeMemory } from '../../packages/server/src/lane/native-memory.ts'
import { type SlotCipher, SlotCiphers } from '../../packages/server/src/lane/slot-ciphers.ts'
import { BARE_TYPE, CREDIT } from './ears.ts'
import type { FloorOrder, FloorReport } from './floor.ts'
import { nameOf } from './load-sockets.ts'

/** Packets on their way: as many as sockets surely hold. */
const IN_FLIGHT = 6_000
const TAG = 16
/** For ciphers and the packet that is copied. */
const OWN_SIZE = 8_192
const KEY = Uint8Array.from({ length: 32 }, (_, index) => index)

const native = await loadNative()
const memory = new NativeMemory(native, SOCKET_SIZE + OWN_SIZE)
const socket = new MessageSocket(native, memory, { ip: '127.0.0.1', port: 0 })
const ciphers = new SlotCiphers(native, memory)
const plain = memory.take(2_048)
let targets: { name: Int32Array; cipher: SlotCipher }[] = []
let credits = 0
let sent = 0

async function loadNative(): Promise<Native> {
  const native = await Native.load()
  if (typeof native === 'string') throw new Error(native)
  return native
}

/** Each listener has a key, as with a node; each channel's come once per packet on its way. */
function prepare({ listeners, window }: Extract<FloorOrder, { kind: 'prepare' }>): void {
  memory.bytes.set([0x80, BARE_TYPE], plain)
  targets = listeners.flatMap(ports => {
    const channel = ports.map(port => ({ name: nameOf('127.0.0.1', port), cipher: ciphers.make('aes-256-gcm', KEY) }))
    return Array.from({ length: window }, () => channel).flat()
  })
}

function burst(payload: number): void {
  const { words } = memory
  for (let count = 0; count < SEND_BATCH; count++) {
    const { name, cipher } = targets[sent++ % targets.length]!
    const out = socket.claim()
    for (let word = 0; word < RTP_HEADER >> 2; word++) words[(out >> 2) + word] = words[(plain >> 2) + word]!
    writeServerNonce(cipher.nonce, 0, sent)
    cipher.seal(out, RTP_HEADER, plain + RTP_HEADER, payload, out + RTP_HEADER)
    socket.queue(RTP_HEADER + payload + TAG + SERVER_NONCE_LENGTH, name)
  }
  socket.flush()
}

function run({ milliseconds, payload }: Extract<FloorOrder, { kind: 'run' }>): FloorReport {
  const isAhead = () => sent - credits * CREDIT > IN_FLIGHT
  const start = process.cpuUsage()
  const from = sent
  for (const end = performance.now() + milliseconds; performance.now() < end; ) {
    if (isAhead()) socket.wait(1)
    for (let batch = socket.receive(64); batch !== undefined; batch = socket.receive(64)) credits += batch.count
    if (!isAhead()) burst(payload)
  }
  const { user, system } = process.cpuUsage(start)
  return { kind: 'spent', microseconds: (user + system) / (sent - from) }
}

process.on('message', (order: FloorOrder) => {
  if (order.kind === 'prepare') prepare(order)
  else process.send?.(run(order))
})
process.send?.({ kind: 'ready', port: socket.port } satisfies FloorReport)
