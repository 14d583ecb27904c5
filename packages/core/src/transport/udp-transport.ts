// The UDP transport: from Select Protocol to a protected peer. The lane verifies the client's address later.
import { PROTECTION_KEY_LENGTH, serverNonceStart, UdpSelection, VoiceClose, type VoiceMode } from '@parley/protocol'
import type { Crypto } from '../crypto.ts'
import { ProtocolError } from '../errors.ts'
import type { LaneCommand, PeerId } from '../lane/commands.ts'

export interface UdpTransport {
  readonly kind: 'udp'
  readonly mode: VoiceMode
}

/** Creates a key for the mode that the client selects. Returns the command that protects the peer, and the key. */
export function selectUdp(data: unknown, peer: PeerId, modes: readonly VoiceMode[], crypto: Crypto) {
  const selection = UdpSelection.safeParse(data)
  if (!selection.success) throw new ProtocolError(VoiceClose.BadRequest, 'expected data with address, port and mode')
  const { address, port, mode: wanted } = selection.data
  const mode = modes.find(offered => offered === wanted)
  if (mode === undefined) throw new ProtocolError(VoiceClose.UnknownMode, 'expected one of the modes in Ready')
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
