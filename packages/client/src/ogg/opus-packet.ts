// The duration of an Opus packet from its first bytes (RFC 6716 §3).

/** Clock rate of Opus timestamps in Hz, whatever the sample rate of the input (RFC 7587 §4.1). */
export const OPUS_RATE = 48_000
/** The longest packet, 120 ms (RFC 6716 §3.2.5). */
const MAX_SAMPLES = 5_760

/** Samples per frame by configuration, the top five bits of the first byte (RFC 6716 table 2). */
function samplesPerFrame(configuration: number): number {
  if (configuration < 12) return [480, 960, 1_920, 2_880][configuration % 4]!
  if (configuration < 16) return [480, 960][configuration % 2]!
  return [120, 240, 480, 960][configuration % 4]!
}

/** Number of frames by the code in the lowest two bits; code 3 has a count in the second byte (RFC 6716 §3.2). */
function frames(packet: Uint8Array): number {
  const code = packet[0]! & 3
  if (code === 3) return packet.length < 2 ? 0 : packet[1]! & 0x3f
  return code === 0 ? 1 : 2
}

/** Duration of a packet in samples at 48 kHz (960 is 20 ms); undefined if it is not an Opus packet. */
export function opusSamples(packet: Uint8Array): number | undefined {
  if (packet.length === 0) return undefined
  const samples = samplesPerFrame(packet[0]! >> 3) * frames(packet)
  return samples === 0 || samples > MAX_SAMPLES ? undefined : samples
}
