// The client side of DAVE against scripted keys: which frames are sealed and opened while a call changes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeTransition, VoiceOp } from '@parley/protocol'
import { ClientDave, type DaveKeys } from './dave.ts'

const CLEAR = Uint8Array.of(0xfc, 1, 2, 3)
const SEAL = [0, 0, 0, 0, 0, 0, 0, 0, 1, 12, 0xfa, 0xfa]
const SEALED = Uint8Array.of(...CLEAR, ...SEAL)

class Keys implements DaveKeys {
  isReady = false
  /** Whether it has the keys of the other members. */
  opens = true
  /** Whether commits and Welcomes are those of another group. */
  rejects = false
  readonly privacyCode = '1'
  readonly userIds = ['1', '2']
  reset(): Uint8Array {
    this.isReady = false
    return new Uint8Array()
  }
  setExternalSender(): void {}
  answer(): undefined {}
  processCommit(): void {
    if (this.rejects) throw new Error('another group')
  }
  processWelcome(): void {
    if (this.rejects) throw new Error('another group')
    this.isReady = true
  }
  seal(frame: Uint8Array): Uint8Array {
    return Uint8Array.of(...frame, ...SEAL)
  }
  open(_userId: string, frame: Uint8Array): Uint8Array {
    if (!this.opens) throw new Error('no key')
    return frame.slice(0, -SEAL.length)
  }
  allowClear(): void {}
}

function scene(version: number) {
  const keys = new Keys()
  const said: string[] = []
  const dave = new ClientDave(keys, {
    sendText: op => said.push(String(op)),
    sendBinary: bytes => said.push(String(bytes[0])),
    changed: now => said.push(`version ${now}`),
    renewed: () => said.push('keys'),
    failed: reason => said.push(reason),
  })
  dave.described(version)
  const welcome = (id: number) =>
    dave.receiveBinary(VoiceOp.DaveWelcome, encodeTransition(id, new Uint8Array(1)), [{ userId: '2' }])
  const commit = (id: number) =>
    dave.receiveBinary(VoiceOp.DaveAnnounceCommit, encodeTransition(id, new Uint8Array(1)), [{ userId: '2' }])
  const execute = (id: number) => dave.receive(VoiceOp.DaveExecuteTransition, { transition_id: id })
  const prepare = (id: number, to: number) =>
    dave.receive(VoiceOp.DavePrepareTransition, { transition_id: id, protocol_version: to })
  said.length = 0
  return { dave, keys, said, welcome, commit, execute, prepare }
}

test('between a Welcome and the execution of its transition the keys are new, but not shared by all members', () => {
  const { dave, said, welcome, execute } = scene(1)
  assert.ok(!dave.isSettled)
  welcome(1)
  assert.deepEqual(said, ['keys', '23'])
  assert.deepEqual([dave.isChanging, dave.isSettled], [true, false])
  execute(1)
  assert.deepEqual([dave.isChanging, dave.isSettled], [false, true])
})

test('sealed frames are not passed on undecrypted while an upgrade is pending', () => {
  const { dave, welcome } = scene(0)
  assert.deepEqual(dave.open('2', SEALED), SEALED, 'in an unencrypted call the bytes are not a sealed frame')
  dave.receive(VoiceOp.DavePrepareEpoch, { protocol_version: 1, epoch: 1 })
  assert.deepEqual(dave.open('2', CLEAR), CLEAR)
  assert.equal(dave.open('2', SEALED), undefined)
  welcome(1)
  assert.deepEqual(dave.open('2', SEALED), CLEAR)
  assert.deepEqual(dave.open('2', CLEAR), CLEAR, 'until the transition is executed, both kinds arrive')
})

test('after a downgrade, frames that were sealed before it are still opened', () => {
  const { dave, welcome, execute, prepare } = scene(1)
  welcome(1)
  execute(1)
  prepare(2, 0)
  execute(2)
  assert.deepEqual(dave.open('2', SEALED), CLEAR)
  assert.deepEqual(dave.open('2', CLEAR), CLEAR)
  assert.deepEqual(dave.seal(CLEAR), CLEAR)
})

test('37 consecutive frames that do not decrypt reset the group; retried frames do not count', () => {
  const { dave, keys, said, welcome, execute } = scene(1)
  welcome(1)
  execute(1)
  keys.opens = false
  said.length = 0
  for (let count = 0; count < 36; count++) dave.open('2', SEALED)
  for (let count = 0; count < 100; count++) dave.tryOpen('2', SEALED)
  dave.open(undefined, SEALED)
  assert.deepEqual(said, [])
  dave.open('2', SEALED)
  assert.deepEqual(said, ['31', '26'])
})

/** A scene in which the library refused a Welcome, so that the client has sent op 31 and a key package. */
function refusedWelcome() {
  const made = scene(1)
  made.keys.rejects = true
  made.welcome(1)
  assert.deepEqual(made.said, ['31', '26'])
  made.said.length = 0
  return made
}

test('a bad Welcome of a new session is reported although one of the session before was', () => {
  const { dave, said, welcome } = refusedWelcome()
  dave.described(1)
  said.length = 0
  welcome(1)
  assert.deepEqual(said, ['31', '26'])
})

test('a bad Welcome of a new group is reported although one of the group before was', () => {
  const { dave, said, welcome } = refusedWelcome()
  dave.receive(VoiceOp.DavePrepareEpoch, { protocol_version: 1, epoch: 1 })
  said.length = 0
  welcome(1)
  assert.deepEqual(said, ['31', '26'])
})

test('each bad Welcome is reported, until one admits the client', () => {
  const { keys, said, welcome, execute } = refusedWelcome()
  welcome(2)
  assert.deepEqual(said, ['31', '26'])
  keys.rejects = false
  said.length = 0
  welcome(3)
  execute(3)
  assert.deepEqual(said, ['keys', '23', 'version 1'])
})

test('commits of a group that the client has left are not reported', () => {
  const { said, commit } = refusedWelcome()
  commit(2)
  commit(3)
  assert.deepEqual(said, [])
})
