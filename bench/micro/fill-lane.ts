// Fills a lane with channels whose first member is the speaker.
import type { Protection, RtpMappingDescription } from '@parley/core'
import { isSrtpProfile, OPUS_PAYLOAD_TYPE } from '@parley/protocol'
import type { RunningLane } from './running-lane.ts'
import { ICE_PASSWORD, KEY, localUfrag, materialOf, REMOTE_UFRAG, SPEAKER_MODE, WEBRTC_OPUS } from './saturation.ts'

/** Chromium's numbers. */
const MAPPING: RtpMappingDescription = {
  payloadTypes: [[OPUS_PAYLOAD_TYPE, WEBRTC_OPUS]],
  extensions: { audioLevel: 1, transportSequence: 3 },
}

/**
 * Adds the peers, so that they can prove their addresses. Returns a function that afterwards sets keys and routes; its argument is
 * the ports of all members in order.
 */
export function fillLane(
  lane: RunningLane,
  protection: Protection,
  channels: readonly (readonly number[])[],
): (ports: readonly number[]) => void {
  for (const [index, ssrc] of channels.flat().entries())
    lane.command({ kind: 'addPeer', peer: index + 1, ssrcs: Int32Array.from({ length: 8 }, (_, own) => ssrc + own) })
  return ports => {
    let peer = 0
    for (const [channel, ssrcs] of channels.entries()) {
      const targets = channel + 1
      lane.command({ kind: 'openTargets', targets })
      for (const [index, ssrc] of ssrcs.entries()) {
        peer++
        protect(lane, peer, ssrc, index === 0, protection, ports[peer - 1]!)
        lane.command({ kind: 'addTarget', targets, peer })
        lane.command({ kind: 'setRoute', ssrc, owner: peer, media: 'audio', targets })
      }
    }
  }
}

function protect(
  lane: RunningLane,
  peer: number,
  ssrc: number,
  isSpeaker: boolean,
  protection: Protection,
  port: number,
): void {
  if (isSrtpProfile(protection) && !isSpeaker) {
    const ice = { localUfrag: localUfrag(ssrc), remoteUfrag: REMOTE_UFRAG, password: ICE_PASSWORD }
    lane.command({ kind: 'addWebrtcPeer', peer, ice, mapping: MAPPING })
    lane.command({ kind: 'protectPeer', peer, protection, key: materialOf(protection), nonceStart: 0 })
    return
  }
  const mode = isSrtpProfile(protection) ? SPEAKER_MODE : protection
  const claimed = { ip: '127.0.0.1', port }
  lane.command({ kind: 'protectPeer', peer, protection: mode, key: KEY.slice(), nonceStart: peer * 1000, claimed })
}
