// Cases of a node: cameras over UDP. Packets have the layout of VP8, because nodes choose keyframes by it.
import { VoiceOp } from '@parley/protocol'
import { type CheckedCase, expect } from '../../checked-case.ts'
import type { NodeUnderTest } from '../node-under-test.ts'
import { Camera, vp8 } from './camera.ts'

const [SENDER_TYPE, VIEWER_TYPE] = [101, 120]

/** A sender, and a viewer that gave VP8 another payload type. Neither camera is on. */
async function pair(node: NodeUnderTest) {
  const [lvsp, channel] = [await node.ready(), node.channel()]
  const join = async (type: number) => Camera.join(node, await node.access(lvsp, channel), vp8(type))
  return { sender: await join(SENDER_TYPE), viewer: await join(VIEWER_TYPE), join }
}

/** The camera is on, and its packets reach the viewer. */
async function watched(node: NodeUnderTest) {
  const scene = await pair(node)
  scene.sender.show()
  await scene.viewer.sees(scene.sender)
  const packet = await scene.sender.reaches(scene.viewer)
  return { ...scene, packet }
}

/** The want (op 15) that the node sends the camera for its stream. */
async function wanted(camera: Camera, value: number): Promise<void> {
  const { ssrc } = camera.stream
  await camera.voice.socket.take(
    `Media Sink Wants (op 15) with ${value} for ssrc ${ssrc}`,
    ({ op, d }) => op === VoiceOp.MediaSinkWants && (d[String(ssrc)] ?? d.any) === value,
  )
}

export const VIDEO_CASES: readonly CheckedCase<NodeUnderTest>[] = [
  {
    number: 'video-ready',
    meaning: 'Ready assigns an offered stream two SSRCs, which differ from each other and from those of other members',
    run: async node => {
      const { sender, viewer } = await pair(node)
      const ssrcs = [sender, viewer].flatMap(({ ssrc, stream }) => [ssrc, stream.ssrc, stream.rtx_ssrc])
      const isWhole = ssrcs.every(ssrc => Number.isInteger(ssrc) && ssrc > 0)
      expect(isWhole && new Set(ssrcs).size === ssrcs.length, `expected six different SSRCs, found ${ssrcs.join(', ')}`)
    },
  },
  {
    number: 'video-on',
    meaning: 'a camera that is turned on and off is announced to members with the SSRCs of Ready',
    run: async node => {
      const { sender, viewer } = await pair(node)
      sender.show()
      const { audio_ssrc, rtx_ssrc } = await viewer.sees(sender)
      const [found, expected] = [`${audio_ssrc}, ${rtx_ssrc}`, `${sender.ssrc}, ${sender.stream.rtx_ssrc}`]
      expect(found === expected, `expected audio_ssrc and rtx_ssrc ${expected} in op 12, found ${found}`)
      sender.show(false)
      await viewer.sees(sender, false)
    },
  },
  {
    number: 'video-late',
    meaning: 'a member that joins later receives op 12 of the cameras that are on',
    run: async node => {
      const { sender, viewer, join } = await pair(node)
      sender.show()
      await viewer.sees(sender)
      await (await join(VIEWER_TYPE)).sees(sender)
    },
  },
  {
    number: 'video-packets',
    meaning: 'video packets reach a viewer unchanged, with the payload type of the viewer',
    run: async node => {
      const { packet } = await watched(node)
      const { payloadType, marker, payload } = packet
      expect(payloadType === VIEWER_TYPE, `expected payload type ${VIEWER_TYPE}, found ${payloadType}`)
      expect(marker === true && payload[0] === 0x10, 'the marker or the payload of a video packet was changed')
    },
  },
  {
    number: 'video-keyframe',
    meaning: 'a request for a keyframe reaches the sender with the SSRC of its camera',
    run: async node => {
      const { sender, viewer } = await watched(node)
      sender.requested.length = 0
      await sender.sendsUntil(
        () => sender.requested.includes(sender.stream.ssrc),
        'no keyframe request for the camera reached its sender',
        () => viewer.requestKeyframe(sender),
      )
    },
  },
  {
    number: 'video-foreign',
    meaning: 'packets under the SSRC of another member are not forwarded',
    run: async node => {
      const { sender, viewer, join } = await watched(node)
      const thief = await join(SENDER_TYPE)
      const before = viewer.packets.length
      for (let count = 0; count < 5; count++) thief.sendKeyframe(sender.stream.ssrc)
      thief.show()
      await viewer.sees(thief)
      await thief.reaches(viewer)
      const stolen = viewer.packets.slice(before).filter(({ ssrc }) => ssrc === sender.stream.ssrc)
      expect(stolen.length === 0, 'a packet under the SSRC of another member was forwarded')
    },
  },
  {
    number: 'video-wants',
    meaning: 'a viewer that wants nothing receives no video; the sender learns it, and the change back',
    run: async node => {
      const { sender, viewer } = await watched(node)
      viewer.voice.send(VoiceOp.MediaSinkWants, { any: 0 })
      await wanted(sender, 0)
      const before = viewer.packets.length
      for (let count = 0; count < 5; count++) sender.sendKeyframe()
      viewer.voice.send(VoiceOp.MediaSinkWants, { any: 100 })
      await wanted(sender, 100)
      await sender.sendsUntil(
        () => viewer.packets.length > before,
        'no video packet arrived after the viewer wanted video again',
      )
    },
  },
]
