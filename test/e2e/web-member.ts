// A voice client in a page of a browser: its statistics, and expressions that a test evaluates in the page.
import { untilFits } from './until.ts'

/** A page of any browser. */
export interface WebPage {
  /** Resolves with the value of the expression, or of its promise, which has to be JSON. */
  evaluate<T>(expression: string): Promise<T>
  /** Reloads the page. */
  reload(): Promise<unknown>
}

/** Fields of RTCRtpStreamStats and its subtypes that tests use. */
export interface Rtp {
  kind: 'audio' | 'video'
  ssrc: number
  packetsReceived: number
  packetsLost: number
  totalAudioEnergy: number
  framesDecoded: number
  framesEncoded?: number
  keyFramesDecoded?: number
  freezeCount?: number
  /** Seconds. */
  totalFreezesDuration?: number
  rid?: string
  trackIdentifier?: string
  active?: boolean
  frameWidth?: number
  nackCount: number
  pliCount: number
  firCount?: number
  packetsSent: number
  roundTripTime?: number
  retransmittedPacketsReceived?: number
  retransmittedPacketsSent?: number
}

export interface WebStats {
  inbound: Rtp[]
  outbound: Rtp[]
  remoteInbound: Rtp[]
  remoteOutbound: Rtp[]
  /** Absent in Firefox. */
  transport?: {
    srtpCipher: string
    dtlsState: string
    tlsVersion: string
    dtlsRole: string
    selectedCandidatePairId?: string
  }
  /** The tracks of the other members. */
  remotes: { kind: string; user: string; ssrc: number }[]
  state: string
  ice: string
}

/** More energy than a decoder generates without packets. */
export const AUDIBLE = 0.001

/** Energy of each received audio track. */
export const energies = ({ inbound }: WebStats): number[] =>
  inbound.filter(({ kind }) => kind === 'audio').map(({ totalAudioEnergy }) => totalAudioEnergy)
/** Whether at least `count` audio tracks are audible. */
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

  /** Stops the camera, which stays declared: encoders take the machine's time. */
  hide(): Promise<void> {
    const cameras = "client.pc.getSenders().filter(({ track }) => track?.kind === 'video')"
    return this.evaluate(`Promise.all(${cameras}.map(sender => sender.replaceTrack(null))).then(() => {})`)
  }

  /** Resolves with the first statistics that satisfy the condition. */
  until(what: string, fits: (stats: WebStats) => boolean, limit?: number): Promise<WebStats> {
    return untilFits(what, () => this.stats(), fits, limit)
  }
  /** Resolves when the expression is true. */
  async untilTrue(what: string, expression: string): Promise<void> {
    await untilFits(what, () => this.evaluate<boolean>(expression), Boolean)
  }
}
