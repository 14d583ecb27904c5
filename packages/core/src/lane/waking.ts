// Which messages between control and a lane wake the thread that receives them. A wake-up costs both threads more than most
// messages do, and a join has many of them.
import type { LaneCommand, LaneEvent } from './commands.ts'

/**
 * Whether a lane has to do something because of the command before its next packet: send, report, or erase a key. The others
 * change its tables, and it applies them before it handles any packet.
 */
const IS_URGENT_COMMAND: Readonly<Record<LaneCommand['kind'], boolean>> = {
  addPeer: false,
  protectPeer: false,
  addWebrtcPeer: false,
  setRtpMapping: true,
  removeWebrtcPeer: true,
  // Held packets wait for this command and for `setRoute`: their sender continues, and its next packet is handled after it.
  mapSsrc: false,
  sendDatagram: true,
  removePeer: true,
  setSessionIp: false,
  refuseSealed: true,
  openTargets: false,
  addTarget: false,
  removeTarget: false,
  closeTargets: false,
  setRoute: false,
  removeRoute: false,
  setWants: true,
  askKeyframe: true,
  limitBitrate: false,
  reportPeers: true,
  report: true,
}

/** Whether control has to do something because of the event. Of the others it writes a line of the log. */
const IS_URGENT_EVENT: Readonly<Record<LaneEvent['kind'], boolean>> = {
  addressBound: false,
  consentLost: false,
  firstPacket: true,
  layers: true,
  keyframeNeeded: true,
  overBitrate: true,
  nonceExhausted: true,
  datagram: true,
  counters: true,
  qualities: true,
  peerEnded: true,
}

export const isUrgentCommand = ({ kind }: LaneCommand): boolean => IS_URGENT_COMMAND[kind]
export const isUrgentEvent = ({ kind }: LaneEvent): boolean => IS_URGENT_EVENT[kind]
