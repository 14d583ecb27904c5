// How much the page wants of each source (op 15): what the user chose, how large the picture is shown, and what is not played.

/** The user's choice for one picture. `auto` follows its size on the page. */
export type Quality = 'auto' | 'high' | 'low' | 'off'
export const QUALITIES: readonly Quality[] = ['auto', 'high', 'low', 'off']
export const isQuality = (value: unknown): value is Quality => QUALITIES.some(quality => quality === value)

/** A picture of another member, as far as wants depend on it. */
export interface WantedPicture {
  readonly ssrc: number
  readonly role: 'camera' | 'screen'
  readonly quality: Quality
  /** Pixels of the display that show it; undefined while it is not shown. */
  readonly pixels: number | undefined
}

const [ALL, HALF, LOWEST, NOTHING] = [100, 50, 1, 0] as const
/** A picture with more pixels is shown in full quality: the layer of half quality has 640 × 360. */
const HALF_PIXELS = 1.3 * 640 * 360

/** `silent` are the SSRCs of audio that is not played, so that it need not be sent. */
export function wantsOf(pictures: Iterable<WantedPicture>, silent: Iterable<number>): Record<string, unknown> {
  const wants: Record<string, number> = {}
  const pixelCounts: Record<string, number> = {}
  for (const picture of pictures) {
    const { ssrc, pixels, quality } = picture
    wants[ssrc] = wantOf(picture)
    if (pixels !== undefined && quality !== 'off') pixelCounts[ssrc] = Math.round(pixels)
  }
  for (const ssrc of silent) wants[ssrc] = NOTHING
  return Object.keys(pixelCounts).length === 0 ? { any: ALL, ...wants } : { any: ALL, ...wants, pixelCounts }
}

/** 0 to 100. A screen is always wanted in full: scaled down, its text cannot be read. */
function wantOf({ role, quality, pixels = Infinity }: WantedPicture): number {
  switch (quality) {
    case 'auto':
      return role === 'camera' && pixels <= HALF_PIXELS ? HALF : ALL
    case 'high':
      return ALL
    case 'low':
      return LOWEST
    case 'off':
      return NOTHING
  }
}
