// Public names of @parley/client: everything in `sessions`, and the clients that need Node.js.
// Bots use `VoiceClient`, backends `LvspClient` for one node or `Fleet` for several. `./sessions` is the part that
// browsers can load.
export type { ChannelProperties, VoiceStateRestrictions } from '@parley/protocol'
export type { ConnectionTls } from './connection.ts'
export { Fleet, type FleetNode, type FleetNodeState, type FleetOptions } from './fleet/fleet.ts'
export type { FleetChannel, FleetEvents, MovedChannel } from './fleet/fleet-events.ts'
export type { ChannelPlacement } from './lvsp/channel.ts'
export { LvspClient, type LvspClientEvents, type LvspClientOptions } from './lvsp/client.ts'
export type { NewVoiceState, VoiceStateSelector } from './lvsp/voice-state.ts'
export * from './sessions.ts'
export { VoiceClient, type VoiceClientEvents, type VoiceClientOptions } from './voice/client.ts'
export { loadDavey } from './voice/dave/davey.ts'
export { type VoiceTarget, type VoiceTls, voiceUrl } from './voice/endpoint.ts'
export type { MediaReport, ReceivedFrame } from './voice/media/media.ts'
export { openPacket, type PacketKind, PacketProtection, sealPacket } from './voice/media/packet.ts'
export type { PlayOptions } from './voice/media/player.ts'
export type { SourceReport } from './voice/media/receive-stats.ts'
export { VoiceClosedError } from './voice/voice-closed-error.ts'
