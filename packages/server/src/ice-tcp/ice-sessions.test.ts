import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LaneCommand } from '@parley/core'
import { encodeStunRequest, SrtpProfile, VoiceMode } from '@parley/protocol'
import { stunMac } from '../lane/crypto/stun-mac.ts'
import { IceSessions } from './ice-sessions.ts'

const PASSWORD = new Uint8Array(24).fill(0x70)
const CHECK = encodeStunRequest(
  { transaction: new Uint8Array(12), username: 'node:client', useCandidate: true },
  PASSWORD,
  stunMac,
)

/** A session with one connection. */
function oneSession() {
  const sessions = new IceSessions()
  const ice = { localUfrag: 'node', remoteUfrag: 'client', password: PASSWORD }
  sessions.command(0, { kind: 'addWebrtcPeer', peer: 1, ice, mapping: { payloadTypes: [], extensions: {} } })
  const connection = {
    isClosed: false,
    close() {
      this.isClosed = true
    },
  }
  sessions.authenticate(CHECK)!.connections.add(connection)
  return { sessions, connection }
}

const protect = (protection: SrtpProfile | VoiceMode): LaneCommand => ({
  kind: 'protectPeer',
  peer: 1,
  protection,
  key: new Uint8Array(56),
  nonceStart: 0,
})

test('a session goes on when it obtains its key, and ends with its peer', () => {
  const { sessions, connection } = oneSession()
  sessions.command(0, protect(SrtpProfile.AeadAes128Gcm))
  assert.ok(sessions.authenticate(CHECK) !== undefined && !connection.isClosed)
  sessions.command(0, { kind: 'removePeer', peer: 1 })
  assert.ok(sessions.authenticate(CHECK) === undefined && connection.isClosed)
})

test('a client that changes to UDP has no connections any longer', () => {
  const { sessions, connection } = oneSession()
  sessions.command(0, protect(VoiceMode.AeadAes256GcmRtpsize))
  assert.ok(sessions.authenticate(CHECK) === undefined && connection.isClosed)
})
