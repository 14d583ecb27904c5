// Shares of the DTLS handshakes in progress.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '../../limits.ts'
import { type HandshakeOrigin, Handshakes } from './handshakes.ts'

class Flood {
  readonly handshakes = new Handshakes()
  readonly givenUp: HandshakeOrigin[] = []

  begin(backend: string, remoteAddress: string) {
    const handshake = {
      origin: { backend, remoteAddress },
      giveUp: () => {
        this.givenUp.push(handshake.origin)
        this.handshakes.remove(handshake)
      },
    }
    return { handshake, isAdded: this.handshakes.add(handshake) }
  }

  /** From as many addresses as needed. */
  fill(backend: string, count: number): number {
    let added = 0
    for (let index = 0; index < count; index++)
      if (this.begin(backend, `${backend}-${Math.floor(index / LIMITS.handshakesPerAddress)}`).isAdded) added++
    return added
  }
}

test('the handshakes of one address are bounded until one of them ends', () => {
  const flood = new Flood()
  const first = flood.begin('a', '192.0.2.1')
  for (let index = 1; index < LIMITS.handshakesPerAddress; index++)
    assert.ok(flood.begin('a', '192.0.2.1').isAdded, `${index}`)
  assert.ok(!flood.begin('a', '192.0.2.1').isAdded)
  assert.ok(flood.begin('a', '192.0.2.2').isAdded)
  flood.handshakes.remove(first.handshake)
  assert.ok(flood.begin('a', '192.0.2.1').isAdded)
})

test('all addresses of an IPv6 network share its bound', () => {
  const flood = new Flood()
  for (let index = 0; index < LIMITS.handshakesPerAddress; index++) flood.begin('a', `2001:db8::${index.toString(16)}`)
  assert.ok(!flood.begin('a', '2001:db8::ffff').isAdded)
  assert.ok(flood.begin('a', '2001:db8:0:1::1').isAdded)
})

test('a backend alone may use the whole bound, and no more', () => {
  const flood = new Flood()
  assert.equal(flood.fill('a', LIMITS.handshakes + 10), LIMITS.handshakes)
  assert.deepEqual([flood.handshakes.size, flood.givenUp.length], [LIMITS.handshakes, 0])
})

test('a flood of one backend leaves another its share, at the expense of its own oldest handshakes', () => {
  const flood = new Flood()
  flood.fill('a', LIMITS.handshakes)
  assert.equal(flood.fill('b', LIMITS.handshakes), LIMITS.handshakes / 2)
  assert.equal(flood.handshakes.size, LIMITS.handshakes)
  assert.ok(flood.givenUp.every(({ backend }) => backend === 'a'))
  assert.equal(flood.givenUp[0]?.remoteAddress, 'a-0')
  assert.ok(flood.begin('c', '192.0.2.1').isAdded)
})

test('handshakes that ended leave nothing behind, however often they are removed', () => {
  const flood = new Flood()
  const { handshake } = flood.begin('a', '192.0.2.1')
  flood.handshakes.remove(handshake)
  flood.handshakes.remove(handshake)
  assert.equal(flood.handshakes.size, 0)
  assert.equal(flood.fill('a', LIMITS.handshakes), LIMITS.handshakes)
})

test('a handshake that makes room for another one of its own address is not counted for that address any longer', () => {
  const flood = new Flood()
  flood.begin('a', '192.0.2.1')
  flood.fill('a', LIMITS.handshakes - 1)
  const { handshake, isAdded } = flood.begin('b', '192.0.2.1')
  assert.deepEqual([isAdded, flood.givenUp], [true, [{ backend: 'a', remoteAddress: '192.0.2.1' }]])
  flood.handshakes.remove(handshake)
  for (let index = 0; index < LIMITS.handshakesPerAddress; index++)
    assert.ok(flood.begin('b', '192.0.2.1').isAdded, `${index}`)
})
