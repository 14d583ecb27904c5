// What is shown over a picture on request: the layer that the node sends and why, and what the browser measures.
import type { VideoReading } from '../measure/video-stats.ts'
import type { LayerView } from './demo-api.ts'

export type Row = readonly [name: string, value: string]

const REASONS: Readonly<Record<string, string>> = {
  want: 'as chosen or as large as shown',
  limit: 'the channel permits no more',
  bandwidth: 'the link carries no more',
  codec: 'this browser lacks the codec',
  'paused-by-sender': 'the sender does not send it',
  'waiting-for-keyframe': 'waits for a keyframe',
}

/** Layers are numbered from 1 here, the lowest quality; the node's numbers start at 0, and −1 is none. */
const layerText = (layer: number): string => (layer < 0 ? 'none' : String(layer + 1))

/** `layer` is what the node reports of a received picture; `readings` are the browser's, one for each layer of a sent picture. */
export function layerRows(layer: LayerView | undefined, readings: readonly VideoReading[]): Row[] {
  return [...(layer === undefined ? [] : reported(layer)), ...readings.map(measured)]
}

function reported({ layers, wanted, target, current, temporal, reason, bitrate, estimate }: LayerView): Row[] {
  const part = temporal === undefined ? '' : `, frames up to T${temporal}`
  const rows: Row[] = [
    ['Layer', `${layerText(current)} of ${layers}${part}`],
    ['Wanted', layerText(wanted)],
    ['Target', layerText(target)],
  ]
  if (reason !== undefined) rows.push(['Reason', REASONS[reason] ?? reason])
  rows.push(['Sent', bitsText(bitrate)])
  rows.push(['Estimate', estimate === undefined ? 'no limit' : bitsText(estimate)])
  return rows
}

function measured({ rid, width, height, frames, bitrate, codec, isActive }: VideoReading): Row {
  const name = rid === undefined ? 'Picture' : `Layer ${rid}`
  if (!isActive) return [name, 'not encoded: no viewer']
  const parts = [
    width > 0 && `${width}×${height}`,
    frames > 0 && `${Math.round(frames)} fps`,
    codec,
    bitrate && bitsText(bitrate),
  ]
  return [name, parts.filter(Boolean).join(', ') || '–']
}

/** Bits per second. */
export const bitsText = (bits: number): string =>
  bits >= 1e6 ? `${(bits / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bits / 1e3)} kbit/s`
