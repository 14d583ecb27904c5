// Each message that a node sends by itself reaches the front.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { LIMITS } from '@parley/core'
import { LvspCapability, type LvspEvent, LvspEvents, LvspInfo } from '@parley/protocol'
import { nodeRecord } from '../../../../core/src/testing/node-record.ts'
import { ScriptedNode } from '../../conformance/backend/scripted-node.ts'
import { type LinkedFront, NodeLinks } from './node-links.ts'

const CHANNEL = { channel_id: '500', guild_id: '41' }
const USER = { ...CHANNEL, user_id: '7' }
const SESSION = { ...USER, session_id: 'abc', protocol: 'udp' }
/** A message that is missing here does not compile. `answer`: nothing without a request. */
const MESSAGES: Readonly<Record<LvspEvent, { data: Record<string, unknown>; reaches: keyof LinkedFront } | 'answer'>> =
  {
    [LvspInfo.ChannelAssign]: 'answer',
    [LvspInfo.VoiceStateDone]: 'answer',
    [LvspInfo.Failure]: 'answer',
    [LvspInfo.Stats]: 'answer',
    [LvspInfo.VoiceStateConnected]: { data: SESSION, reaches: 'nodeEvent' },
    [LvspInfo.VoiceStateDisconnected]: { data: { ...SESSION, code: 1000, resumable: false }, reaches: 'nodeEvent' },
    [LvspInfo.VoiceStateSpeaking]: { data: { ...USER, speaking: 1, video: false }, reaches: 'nodeEvent' },
    [LvspInfo.ChannelDave]: { data: { ...CHANNEL, protocol_version: 1, epoch: 1, members: 1 }, reaches: 'nodeEvent' },
    [LvspInfo.ChannelDraining]: { data: { ...CHANNEL, timeout: 1 }, reaches: 'nodeEvent' },
    [LvspInfo.VideoSource]: { data: { ...USER, kind: 'camera', state: 'live', viewers: 1 }, reaches: 'nodeEvent' },
    [LvspInfo.VideoView]: {
      data: { ...USER, sender_id: '8', kind: 'camera', layers: 1, wanted: 0, target: 0, current: 0, bitrate: 1 },
      reaches: 'nodeEvent',
    },
    [LvspInfo.Receiver]: { data: { receives: true }, reaches: 'receiverChanged' },
    [LvspInfo.ChannelMirror]: { data: { ...CHANNEL, token: 't', epoch: 1 }, reaches: 'channelMirrored' },
    [LvspInfo.VoiceStateMirror]: { data: { ...USER, token: 't' }, reaches: 'voiceStateMirrored' },
  }

test('a front connects to a bounded number of nodes', t => {
  const secrets = new Map([['main', 'secret']])
  const links = new NodeLinks({ secrets, ca: undefined, front: 'f1', feed: () => {}, failed: () => {} })
  t.after(() => links.close())
  // Port 9 (discard) refuses connections.
  for (let node = 0; node < LIMITS.clusterNodes + 5; node++)
    links.announced(nodeRecord(`n${node}`, { lvsp: 'ws://127.0.0.1:9/' }))
  assert.equal(links.counts.down, LIMITS.clusterNodes)
})

test('a front receives what its nodes send, of every kind', { timeout: 30_000 }, async t => {
  const capabilities = Object.values(LvspCapability).filter(name => name !== LvspCapability.AdoptToken)
  const node = await ScriptedNode.open({ capabilities })
  t.after(() => node.close())
  const calls = new EventTarget()
  const front = new Proxy({} as LinkedFront, {
    get: (_, name) => () => calls.dispatchEvent(new Event(String(name))),
  })
  const failures: string[] = []
  const links = new NodeLinks({
    secrets: new Map([['main', node.secret]]),
    ca: undefined,
    front: 'f1',
    feed: input => input(front, 0),
    failed: (_node, _tenant, reason) => failures.push(reason),
  })
  t.after(() => links.close())
  links.announced(nodeRecord('n1', { lvsp: node.url }))
  await node.ready()
  for (const [type, message] of Object.entries(MESSAGES)) {
    assert.ok(Number(type) in LvspEvents)
    if (message === 'answer') continue
    const reached = once(calls, message.reaches)
    node.info(Number(type), message.data)
    await reached
  }
  links.backendChanged('main', { isConnected: true, wantsVideo: true, isFresh: true })
  const { data } = await node.command(
    'FRONT_BACKEND with `fresh`',
    each => each.type === LvspInfo.FrontBackend && each.data.fresh === true,
  )
  assert.deepEqual(data, { connected: true, video: true, fresh: true })
  assert.deepEqual(failures, [])
})
