// The public names of the core: the voice node, the router of a lane, and what both need of their host.

export type { BackendInspection } from './backend/control.ts'
export type { ChannelInspection, ChannelSummary } from './channel/channel-inspection.ts'
export type { LaneMembers } from './channel/channel-lanes.ts'
export type { BackendId, ChannelRef, LocalPlacement } from './channel/channel-ref.ts'
export type { LaneInspection, OpenLane } from './channel/lane-handle.ts'
export type { NodeEvent } from './cluster/events/node-events.ts'
export { Fence, type FencePorts } from './cluster/fence.ts'
export { Front, type FrontOptions, type MoveResult } from './cluster/front.ts'
export type { ChannelStage, MoveCause } from './cluster/front-channel.ts'
export type { FrontBackendInspection, FrontChannelInspection, FrontInspection } from './cluster/front-inspection.ts'
export type {
  BackendPresence,
  FrontPorts,
  FrontRequestId,
  NodeAnswer,
  NodeCommand,
  NodeGrant,
  NodeRefusal,
  NodeRequest,
  Placed,
  PlacementChange,
  PlacementOutcome,
} from './cluster/front-ports.ts'
export type { MirroredChannel, MirroredVoiceState, NodeListing } from './cluster/mirror.ts'
export type { Member, MemberState, ProbeOutcome } from './cluster/nodes/membership.ts'
export type { Crypto, GroupCrypto, Signer } from './crypto.ts'
export type { DaveInspection } from './dave/group.ts'
export type { MemberInspection } from './dave/member.ts'
export type { DavePolicy } from './dave/version.ts'
export type { ConnectionId, Effect } from './effect.ts'
export { stackOf } from './errors.ts'
export type { VoiceSessionInspection } from './gateway/voice-session.ts'
export {
  ADDRESS_LOCAL,
  ADDRESS_PORT,
  ADDRESS_WORDS,
  BATCH,
  type Batch,
  createBatch,
  SLOT,
} from './lane/batch.ts'
export type {
  GroupId,
  LaneCommand,
  LaneCounters,
  LaneEvent,
  LaneId,
  LayerDescription,
  PeerId,
  PeerQuality,
  Protection,
  ReportedReception,
  RtpMappingDescription,
  SocketAddress,
  TargetsId,
} from './lane/commands.ts'
export { DROP_CAUSES, type DropCause } from './lane/drop-causes.ts'
export { LATENCY_BOUNDS, type LaneMeasurement, type LatencyCounts, LatencyHistogram } from './lane/latency.ts'
export {
  type LayerReport,
  VIEW_STATES,
  type ViewCounts,
  type ViewState,
} from './lane/layer-report.ts'
export { HEADER_WORDS, type PacketIo } from './lane/packet-io.ts'
export { PacketRing, type PacketRingOptions, type RingInput, type RingOutput } from './lane/packet-ring.ts'
export { isUrgentCommand, isUrgentEvent } from './lane/waking.ts'
export { LIMITS } from './limits.ts'
export type { LvspConnectionInspection } from './lvsp/connection.ts'
export type { Dialect } from './lvsp/dialect.ts'
export type { LvspOrigin } from './lvsp/entry/owner.ts'
export { type Capacity, DEFAULT_CAPACITY } from './lvsp/health.ts'
export type {
  LvspBackend,
  LvspInspection,
  SpeakingEvent,
  VideoSourceEvent,
  VideoViewEvent,
  VoiceStateEvent,
} from './lvsp/lvsp.ts'
export type {
  ChannelEncryption,
  DrainingChannel,
  ListedChannel,
  VoiceStateRequest,
  VoiceStateSelector,
} from './lvsp/node-control.ts'
export type { LvspSessionInspection } from './lvsp/session.ts'
export { isSameAddress, readAddress, writeAddress } from './media/address/socket-address.ts'
export { NumberRing } from './media/receive/number-ring.ts'
export { Router } from './media/router.ts'
export type { RouterCounts, RouterOptions } from './media/router-interface.ts'
export { NetworkCounts, networkOf } from './network-of.ts'
export type { Ban, BanPolicy } from './node/address-bans.ts'
export type { NodeInspection, NodeOverview, NodeSizes } from './node/inspection.ts'
export type { Operator, UserSelector } from './node/operator.ts'
export type { BackendOptions, VoiceNodeOptions } from './node/options.ts'
export type { BackendSettings, NodeSettings } from './node/settings.ts'
export type { NodeTally } from './node/tally.ts'
export {
  NOTE_CONTEXT,
  NOTES,
  type Note,
  type NoteDescription,
  type NoteFields,
  type NoteLevel,
  type NoteName,
  type NoteTable,
  noteOf,
} from './notes.ts'
export { ok, type Result, refused } from './result.ts'
export type { Dtls, DtlsAssociation, DtlsState, Fingerprint } from './transport/webrtc/dtls.ts'
export { type Opening, VoiceNode } from './voice-node.ts'
