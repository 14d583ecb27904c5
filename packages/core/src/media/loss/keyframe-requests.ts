// Keyframes asked of sources: one request serves all who need it, and is not repeated at once.
import { PICTURE_LOSS_LENGTH, writePictureLoss } from '@parley/protocol'
import type { PeerId } from '../../lane/commands.ts'
import type { PacketIo } from '../../lane/packet-io.ts'
import { LIMITS } from '../../limits.ts'
import type { RouteTable } from '../forward/route-table.ts'
import { LANE_SSRC } from '../rtcp/receiver-reports.ts'

export interface SourceRequestParts {
  readonly io: PacketIo
  readonly routes: RouteTable
  /** What a peer itself calls one of its SSRCs. */
  readonly clientSsrc: (peer: PeerId, ssrc: number) => number
}

export class KeyframeRequests {
  readonly #io: PacketIo
  readonly #routes: RouteTable
  readonly #clientSsrc: SourceRequestParts['clientSsrc']
  /** When a keyframe was last asked for, by the SSRC of the video. */
  readonly #askedAt = new Map<number, number>()
  readonly #bytes = new Uint8Array(PICTURE_LOSS_LENGTH)
  readonly #view = new DataView(this.#bytes.buffer)

  constructor({ io, routes, clientSsrc }: SourceRequestParts) {
    this.#io = io
    this.#routes = routes
    this.#clientSsrc = clientSsrc
  }

  /** The video with this SSRC has ended. */
  forget(ssrc: number): void {
    this.#askedAt.delete(ssrc)
  }

  /** From when on one may be asked for. */
  mayAskAt(ssrc: number): number {
    return (this.#askedAt.get(ssrc) ?? -Infinity) + LIMITS.keyframeInterval
  }

  /** Returns false if one was asked for a moment ago. */
  ask(ssrc: number, now: number): boolean {
    const row = this.#routes.row(ssrc)
    if (row < 0 || now < this.mayAskAt(ssrc)) return false
    const source = this.#routes.owners[row]!
    this.#askedAt.set(ssrc, now)
    writePictureLoss(this.#view, 0, LANE_SSRC, this.#clientSsrc(source, ssrc))
    this.#io.sendRtcp(source, this.#bytes, PICTURE_LOSS_LENGTH)
    return true
  }
}
