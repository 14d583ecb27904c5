// The UDP transport: from Select Protocol to a protected peer. Its address is proved later, by the lane.
import { PROTECTION_KEY_LENGTH, serverNonceStart, UdpSelection, VoiceClose, type VoiceMode } from '@parley/protocol'
import type { Crypto } from '../crypto.ts'
import { ProtocolError } from '../errors.ts'
import type { LaneCommand, PeerId } from '../lane/commands.ts'

export interface UdpTransport {
  readonly kind: 'udp'
  readonly mode: VoiceMode
}

/**
 * Answers a `udp` Select Protocol: picks nothing, because the client names the mode; makes a fresh key.
 * Returns the command that protects the peer, and the key for Session Description.
 */
export function selectUdp(data: unknown, peer: PeerId, modes: readonly VoiceMode[], crypto: Crypto) {
  const selection = UdpSelection.safeParse(data)
  if (!selection.success) throw new ProtocolError(VoiceClose.BadRequest, 'expected data with address, port and mode')
  const { address, port, mode: wanted } = selection.data
  const mode = modes.find(offered => offered === wanted)
  if (mode === undefined) throw new ProtocolError(VoiceClose.UnknownMode, 'the mode is not one of those in Ready')
  const key = crypto.randomBytes(PROTECTION_KEY_LENGTH)
  const start = crypto.randomBytes(4)
  const nonceStart = serverNonceStart(new DataView(start.buffer, start.byteOffset).getUint32(0))
  const command: LaneCommand = {
    kind: 'protectPeer',
    peer,
    protection: mode,
    key,
    nonceStart,
    claimed: { ip: address, port },
  }
  const transport: UdpTransport = { kind: 'udp', mode }
  return { transport, key, command }
}
