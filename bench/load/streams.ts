// The streams of a channel of a load, and what its members declare about them.
import type { LoadChannel } from './load-channel.ts'
import { OpusPackets } from './media/packets.ts'
import type { StreamOptions } from './media/stream.ts'
import { VideoPackets } from './media/video-packets.ts'
import type { Plan } from './plan.ts'
import { isWatching, isWatchingLayer, type VideoPlan, wantFor } from './video-plan.ts'

/** `counters`: packets that streams have sent before, by SSRC. */
export function streamsOf(
  { speakers, payload, video }: Plan,
  channel: LoadChannel,
  counters: ReadonlyMap<number, number>,
): StreamOptions[] {
  const voices = channel.members.slice(0, speakers).map(({ ssrc }, index) => {
    const packets = new OpusPackets(payload, counters.get(ssrc) ?? 0)
    return { index, ssrc, packets, isTarget: (member: number) => member !== index }
  })
  return video === undefined ? voices : [...voices, ...layersOf(video, channel)]
}

function layersOf(video: VideoPlan, { members }: LoadChannel): StreamOptions[] {
  return members.slice(0, video.senders).flatMap(({ streams }, index) =>
    video.layers.map((layer, place) => ({
      index,
      // Offered are the best layers first.
      ssrc: streams.at(-1 - place)?.ssrc ?? 0,
      packets: new VideoPackets(layer),
      isTarget: (member: number) => isWatchingLayer(video, members.length, member, index, place),
      // Until the next keyframe, and while a layer has no packets, the node sends another one.
      ...(video.layers.length > 1 && {
        isPossible: (member: number) => isWatching(video, members.length, member, index),
      }),
    })),
  )
}

/**
 * Speakers declare that they speak, senders of video their layers, and all members in video what they want to receive. Resolves when the
 * node knows all wants, so that no member is sent packets that it does not want.
 */
export async function announce({ speakers, video }: Plan, { members }: LoadChannel): Promise<void> {
  for (const speaker of members.slice(0, speakers)) speaker.setSpeaking()
  if (video === undefined) return
  for (const [index, member] of members.entries()) {
    if (index < video.senders) member.show()
    member.want(wantsOf(video, members, index))
  }
  await Promise.all(members.map(member => member.settled()))
}

/** By the SSRC of each layer of each source. */
function wantsOf(video: VideoPlan, members: LoadChannel['members'], index: number): Map<number, number> {
  const isViewer = index >= members.length - video.viewers
  const wants = new Map<number, number>()
  for (const [sender, { streams }] of members.slice(0, video.senders).entries())
    for (const { ssrc = 0 } of streams)
      if (sender !== index) wants.set(ssrc, isViewer ? wantFor(video, index, sender) : 0)
  return wants
}
