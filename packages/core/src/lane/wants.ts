// What a viewer wants (op 15), and which layer of a source that is. Control and the lane decide by the same rule.

/** The wants of the last media sink wants message. Replaced by others, never changed. */
export interface Wants {
  /** 0 to 100, for SSRCs that are not listed. */
  readonly any: number
  readonly wants: ReadonlyMap<number, number>
  /** How many pixels of a source are shown, where the client says so. */
  readonly pixelCounts: ReadonlyMap<number, number>
}

/** Those of a client that has sent none. */
export const ALL_WANTED: Wants = { any: 100, wants: new Map(), pixelCounts: new Map() }

/** 0 to 100. */
export const wantOf = ({ any, wants }: Wants, ssrc: number): number => wants.get(ssrc) ?? any

/**
 * The index of the layer for the wants of each layer, in ascending order of quality; −1 for none. Only layers with a want are
 * candidates. A want below a layer's quality asks for a lower one; the lowest candidate is sent for any want.
 */
export function wantedLayer(qualities: readonly number[], wants: readonly number[]): number {
  const lowest = wants.findIndex(want => want > 0)
  const best = qualities.findLastIndex((quality, index) => wants[index]! > 0 && quality <= wants[index]!)
  return Math.max(lowest, best)
}

/** The index of the best layer up to a quality; the lowest if all exceed it. */
export const layerUpTo = (qualities: readonly number[], quality: number): number =>
  Math.max(
    0,
    qualities.findLastIndex(each => each <= quality),
  )
