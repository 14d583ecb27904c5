// What an Opus packet's first bytes say of its length in time (RFC 6716 §3).

/** Opus media time is counted at 48 kHz, whatever was encoded. */
export const OPUS_RATE = 48_000
/** 120 ms, the longest a packet may be. */
const LONGEST_PACKET = 5_760

/** Samples per frame by configuration, the top five bits of the first byte (RFC 6716 table 2). */
function samplesPerFrame(configuration: number): number {
  if (configuration < 12) return [480, 960, 1_920, 2_880][configuration % 4]!
  if (configuration < 16) return [480, 960][configuration % 2]!
  return [120, 240, 480, 960][configuration % 4]!
}

/** Frames by the code in the lowest two bits; code 3 has a count in the second byte (RFC 6716 §3.2). */
function frames(packet: Uint8Array): number {
  const code = packet[0]! & 3
  if (code === 3) return packet.length < 2 ? 0 : packet[1]! & 0x3f
  return code === 0 ? 1 : 2
}

/** How long the packet plays, in samples at 48 kHz; undefined if it is no Opus packet. 960 is 20 ms. */
export function opusSamples(packet: Uint8Array): number | undefined {
  if (packet.length === 0) return undefined
  const samples = samplesPerFrame(packet[0]! >> 3) * frames(packet)
  return samples === 0 || samples > LONGEST_PACKET ? undefined : samples
}
