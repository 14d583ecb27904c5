// A socket when the system accepts fewer datagrams than offered: over the real calls, with modified results.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ADDRESS_WORDS, SLOT, writeAddress } from '@parley/core'
import { DatagramSocket, SEND_BATCH, SOCKET_SIZE, type SocketCalls } from './datagram-socket.ts'
import { Native } from './native-calls.ts'
import { NativeMemory } from './native-memory.ts'
import { DESTINATION_WORDS } from './outgoing-datagrams.ts'
import { writeSocketName } from './socket-name.ts'

const native = await Native.load()
const options = native.ok ? {} : { skip: native.reason }
const real = native.ok ? native.value : (undefined as never)

/** A system that accepts at most this many datagrams per call, or refuses with an error; after that all of them. */
class Bent {
  readonly calls: SocketCalls
  readonly memory = new NativeMemory(real, SOCKET_SIZE + 1024)
  readonly given: number[] = []
  readonly fragmenting: boolean[] = []
  #code = ''

  constructor(script: (number | string)[]) {
    const bind = <Name extends keyof SocketCalls>(name: Name) => real[name].bind(real) as SocketCalls[Name]
    this.calls = {
      ...{ openSocket: bind('openSocket'), tuneSocket: bind('tuneSocket'), socketName: bind('socketName') },
      ...{ close: bind('close'), receive: bind('receive'), readClock: bind('readClock'), wait: bind('wait') },
      ...{ openWake: bind('openWake'), clearWake: bind('clearWake'), openProbe: bind('openProbe') },
      ...{ sourceFor: bind('sourceFor'), receiveLocalAddresses: bind('receiveLocalAddresses') },
      knowsSegments: bind('knowsSegments'),
      mayFragment: (memory, descriptor, may) => {
        this.fragmenting.push(may)
        real.mayFragment(memory, descriptor, may)
      },
      errorCode: () => this.#code,
      send: (memory, descriptor, headers, count) => {
        this.given.push(count)
        const next = script.shift() ?? count
        if (typeof next === 'number') return real.send(memory, descriptor, headers, Math.min(next, count))
        this.#code = next
        return -1
      },
    }
  }
}

/** Sends numbered datagrams from a modified socket to a plain one; returns the numbers that arrived. */
function send(count: number, script: (number | string)[], lengths?: readonly number[]) {
  const bent = new Bent(script)
  const from = new DatagramSocket(bent.calls, bent.memory, {
    ip: '127.0.0.1',
    port: 0,
    isSegmenting: lengths !== undefined,
  })
  const memory = new NativeMemory(real, SOCKET_SIZE + 1024)
  const to = new DatagramSocket(real, memory, { ip: '127.0.0.1', port: 0 })
  const words = new Int32Array(ADDRESS_WORDS)
  writeAddress(words, 0, '127.0.0.1', to.port)
  const name = new Int32Array(DESTINATION_WORDS)
  writeSocketName(new DataView(name.buffer), 0, false, words, 0)
  for (let number = 0; number < count; number++) {
    bent.memory.bytes[from.claim()] = number
    from.queue(lengths?.[number] ?? 10, name)
  }
  from.flush()
  const arrived: number[] = []
  for (let batch = to.receive(64); batch !== undefined; batch = to.receive(64))
    for (let slot = 0; slot < batch.count; slot++) arrived.push(batch.bytes[slot * SLOT]!)
  from.close()
  to.close()
  return { arrived, failed: from.failed, given: bent.given, fragmenting: bent.fragmenting }
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index)

test('the rest of a partial send is sent by the next call, in order', options, () => {
  const { arrived, failed, given } = send(10, [3, 1])
  assert.deepEqual({ arrived, failed, given }, { arrived: numbers(0, 10), failed: 0, given: [10, 7, 6] })
})

test('a refused destination affects its own datagram only', options, () => {
  const { arrived, failed, given } = send(6, [2, 'EPERM'])
  assert.deepEqual({ arrived, failed, given }, { arrived: [0, 1, 3, 4, 5], failed: 1, given: [6, 4, 3] })
})

test('a datagram that is too long for its path is sent in fragments, as are later ones', options, () => {
  const { arrived, failed, given, fragmenting } = send(6, [2, 'EMSGSIZE', 2, 'EMSGSIZE'])
  assert.deepEqual({ arrived, failed, given }, { arrived: [0, 1, 2, 3, 5], failed: 1, given: [6, 4, 4, 2, 1] })
  assert.deepEqual(fragmenting, [false, true])
})

for (const code of ['EAGAIN', 'ENOBUFS'])
  test(`if the system has no room (${code}), the rest of the batch is dropped and nothing waits`, options, () => {
    const { arrived, failed, given } = send(6, [2, code])
    assert.deepEqual({ arrived, failed, given }, { arrived: [0, 1], failed: 4, given: [6, 4] })
  })

test(`each ${SEND_BATCH} datagrams leave at once, without waiting for flush`, options, () => {
  const { arrived, given } = send(200, [])
  assert.deepEqual([arrived.length, given], [200, [SEND_BATCH, 200 - SEND_BATCH]])
})

/** The same with UDP_SEGMENT: equally long datagrams for one destination share a message. */
const sendSegments = (lengths: number[], script: (number | string)[] = []) => send(lengths.length, script, lengths)
const canSegment = native.ok && process.platform === 'linux'
const segmentOptions = { skip: canSegment ? false : 'UDP_SEGMENT exists on Linux only' }

test(
  'equally long datagrams for one destination leave as one message and arrive apart, in order',
  segmentOptions,
  () => {
    const { arrived, given } = sendSegments([50, 50, 50, 50])
    assert.deepEqual({ arrived, given }, { arrived: numbers(0, 4), given: [1] })
  },
)

test('a shorter datagram ends its message, a longer one begins another', segmentOptions, () => {
  const { arrived, given } = sendSegments([50, 50, 20, 20, 60, 60])
  assert.deepEqual({ arrived, given }, { arrived: numbers(0, 6), given: [3] })
})

test('a message has a bounded number of datagrams', segmentOptions, () => {
  const { arrived, given } = sendSegments(Array.from({ length: 40 }, () => 30))
  assert.deepEqual({ arrived, given }, { arrived: numbers(0, 40), given: [3] })
})

test('a refused message is sent datagram by datagram, and its destination gets no other', segmentOptions, () => {
  const lengths = [50, 50, 50, ...Array.from({ length: SEND_BATCH }, () => 50)]
  const { arrived, failed, given } = sendSegments(lengths, ['EINVAL'])
  assert.deepEqual([arrived.length, failed], [lengths.length, 0])
  // The first message of 16 is sent apart; after the full batch every datagram is a message.
  assert.deepEqual(given.slice(0, 18), [8, ...Array.from({ length: 16 }, () => 1), 7])
  assert.equal(given.at(-1), 3)
})

test('a refused message of datagrams that are too long for their path is sent in fragments', segmentOptions, () => {
  // Systems before Linux 6.14 refuse the message with EINVAL, and only its datagrams with EMSGSIZE.
  const { arrived, failed, given, fragmenting } = sendSegments([50, 50, 50], ['EINVAL', 'EMSGSIZE'])
  assert.deepEqual({ arrived, failed, given }, { arrived: numbers(0, 3), failed: 0, given: [1, 1, 1, 1, 1] })
  assert.deepEqual(fragmenting, [false, true])
})

test('an empty datagram is sent in its own message', segmentOptions, () => {
  assert.deepEqual(sendSegments([0, 0, 5]).given, [3])
})

test('an access outside native memory is rejected before the call', options, () => {
  const memory = new NativeMemory(real, 4096)
  for (const [place, length] of [
    [-1, 4],
    [4090, 7],
    [0, -1],
    [4097, 0],
    [Number.NaN, 1],
    [0, 2 ** 40],
  ] as const)
    assert.throws(() => memory.pointer(place, length), RangeError, `${length} at ${place}`)
  assert.throws(() => memory.take(4096), RangeError)
  assert.equal(memory.pointer(4096, 0), memory.pointer(0, 4096) + 4096)
  assert.throws(() => real.send(memory, 0, 4000, 2), RangeError)
  const cipher = real.openCipher(memory, 'aes-256-gcm', true, memory.take(32))
  assert.throws(() => cipher.seal(-1, 0, 0, 12, 0, 4085, 0), RangeError)
  assert.throws(() => cipher.open(-1, 0, 0, 12, 0, 16), /opens/)
  cipher.close()
  cipher.close()
  assert.throws(() => cipher.seal(-1, 0, 0, 12, 0, 16, 100), /open cipher/)
})
