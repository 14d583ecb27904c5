// The voice client over real sockets, where something goes wrong: no route to the media port, keys that open nothing, packets without a frame.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { VoiceOp } from '@parley/protocol'
import { ScriptedKeys } from '../testing/scripted-keys.ts'
import { ScriptedVoiceNode } from '../testing/scripted-voice-node.ts'
import { CREDENTIALS, DESCRIPTION, READY } from '../testing/session-script.ts'
import { VoiceClient, type VoiceClientOptions } from './client.ts'

const OPTIONS = { timeout: 5_000 }

async function startNode(t: TestContext): Promise<ScriptedVoiceNode> {
  const node = await ScriptedVoiceNode.start()
  t.after(() => node.stop())
  return node
}

function clientOf(t: TestContext, node: ScriptedVoiceNode, options: Partial<VoiceClientOptions> = {}): VoiceClient {
  const client = new VoiceClient({ ...CREDENTIALS, endpoint: node.endpoint, tls: false, random: () => 0, ...options })
  t.after(() => client.close())
  return client
}

/** Opens nothing, or what the test says. */
class Keys extends ScriptedKeys {
  opens: ((frame: Uint8Array) => Uint8Array) | undefined
  override open(userId: string, frame: Uint8Array): Uint8Array {
    return this.opens?.(frame) ?? super.open(userId, frame)
  }
}

/** Joins an encrypted call with user 8, whose SSRC is 5001. */
async function joinEncrypted(t: TestContext) {
  const node = await startNode(t)
  node.intercept = ({ op }) => {
    if (op === VoiceOp.SelectProtocol)
      node.send(VoiceOp.SessionDescription, { ...DESCRIPTION, dave_protocol_version: 1 }, 1)
    return op === VoiceOp.SelectProtocol
  }
  const keys = new Keys()
  const client = clientOf(t, node, { dave: { version: 1, keysFor: () => keys } })
  await client.connect()
  node.send(VoiceOp.Speaking, { user_id: '8', ssrc: 5_001, speaking: 1 }, 2)
  await new Promise<void>(resolve => client.once('speaking', () => resolve()))
  return { node, keys, client }
}

test('a media port without a route rejects with the error of the system, and the process goes on', OPTIONS, async t => {
  const node = await startNode(t)
  // A broadcast address: the system permits it to no socket that has not asked for it.
  node.intercept = ({ op }) => {
    if (op === VoiceOp.Identify) node.send(VoiceOp.Ready, { ...READY, ip: '255.255.255.255' })
    return op === VoiceOp.Identify
  }
  await assert.rejects(clientOf(t, node).connect(), /connect EACCES 255\.255\.255\.255/)
})

test('frames that no key opens reset the group at once, not with the next heartbeat', OPTIONS, async t => {
  const { node } = await joinEncrypted(t)
  for (let sequence = 1; sequence <= 40; sequence++) node.say(sequence, Uint8Array.of(0x78, 1, 2))
  await node.until(() => node.messages.some(({ op }) => op === VoiceOp.DaveInvalidCommitWelcome))
})

test('packets without a payload, and sealed frames that hold nothing, are no frames', OPTIONS, async t => {
  const { node, keys, client } = await joinEncrypted(t)
  keys.opens = frame => frame.subarray(1)
  const frames: number[] = []
  const heard = new Promise<void>(resolve => {
    client.on('frame', ({ payload }) => {
      frames.push(payload.length)
      if (frames.at(-1) === 2) resolve()
    })
  })
  node.say(1, new Uint8Array())
  node.say(2, Uint8Array.of(0x78))
  node.say(3, Uint8Array.of(0x78, 1, 2))
  await heard
  assert.deepEqual(frames, [2])
  assert.equal(client.report?.received[0]?.packets, 3)
})

test('a call that was left has no privacy code', OPTIONS, async t => {
  const { client } = await joinEncrypted(t)
  assert.equal(client.privacyCode, '1')
  await client.close()
  assert.equal(client.privacyCode, undefined)
})

test('each close resolves when the WebSocket is closed', OPTIONS, async t => {
  const node = await startNode(t)
  const client = clientOf(t, node)
  await client.connect()
  const closed = once(node.socket!, 'close')
  let hasClosed = false
  const first = client.close().then(() => {
    hasClosed = true
  })
  await client.close()
  assert.ok(hasClosed)
  await Promise.all([first, closed])
})
