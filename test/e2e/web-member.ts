// A voice client in a page of a browser, as a test sees it: what it says of its media, and what it can be told to do.
import { untilFits } from './until.ts'

/** A page, whichever browser it is in. */
export interface WebPage {
  /** Resolves with what the expression, or the promise that it gives, comes to; only JSON comes through. */
  evaluate<T>(expression: string): Promise<T>
  /** Loads the page anew. */
  reload(): Promise<unknown>
}

/** Of RTCInboundRtpStreamStats and its kin: what tests ask. */
export interface Rtp {
  kind: 'audio' | 'video'
  ssrc: number
  packetsReceived: number
  packetsLost: number
  totalAudioEnergy: number
  framesDecoded: number
  framesEncoded?: number
  active?: boolean
  frameWidth?: number
  nackCount: number
  pliCount: number
  packetsSent: number
  roundTripTime?: number
  freezeCount?: number
  totalFreezesDuration?: number
  retransmittedPacketsReceived?: number
  retransmittedPacketsSent?: number
}

export interface WebStats {
  inbound: Rtp[]
  outbound: Rtp[]
  remoteInbound: Rtp[]
  remoteOutbound: Rtp[]
  /** Firefox has none. */
  transport?: {
    srtpCipher: string
    dtlsState: string
    tlsVersion: string
    dtlsRole: string
    selectedCandidatePairId?: string
  }
  state: string
  ice: string
}

/** Above what a decoder makes of nothing. */
export const AUDIBLE = 0.001

/** Of the sound of everybody that is heard. */
export const energies = ({ inbound }: WebStats): number[] =>
  inbound.filter(({ kind }) => kind === 'audio').map(({ totalAudioEnergy }) => totalAudioEnergy)
/** Whether at least so many are heard. */
export const hears =
  (count: number) =>
  (stats: WebStats): boolean =>
    energies(stats).filter(energy => energy > AUDIBLE).length >= count
export const framesDecoded = ({ inbound }: WebStats): number =>
  inbound.find(({ kind }) => kind === 'video')?.framesDecoded ?? 0

export class WebMember {
  readonly page: WebPage
  readonly userId: string

  constructor(page: WebPage, userId: string) {
    this.page = page
    this.userId = userId
  }

  stats(): Promise<WebStats> {
    return this.evaluate('client.stats()')
  }
  /** `client` is the WebClient of `web-client.mjs`. */
  evaluate<T>(expression: string): Promise<T> {
    return this.page.evaluate(`(client => ${expression})(clients[${JSON.stringify(this.userId)}])`)
  }

  /** Resolves with the first statistics that fit. */
  until(what: string, fits: (stats: WebStats) => boolean, limit?: number): Promise<WebStats> {
    return untilFits(what, () => this.stats(), fits, limit)
  }
  /** Resolves once the expression is true. */
  async untilTrue(what: string, expression: string): Promise<void> {
    await untilFits(what, () => this.evaluate<boolean>(expression), Boolean)
  }
}
