// The state of a call, derived from its gateway connection and its media path. Pure, so that each combination can be tested.

/** How media travels: `silent` may recover by itself, `failed` does not. */
export type MediaState = 'connecting' | 'connected' | 'silent' | 'failed'

export type LinkState =
  | { kind: 'connecting' }
  | { kind: 'connected' }
  /** The gateway connection is lost, so the state of the media path is unknown. `attempts` counts failed reconnects. */
  | { kind: 'away'; code: number; reason: string; attempts: number }
  /** The gateway responds, but no packets arrive. */
  | { kind: 'silent' }
  /** The media path failed while the gateway connection is open. Either UDP is blocked, or the node is gone. */
  | { kind: 'blocked' }

/** Two inputs that may contradict each other: the gateway connection wins, because it is known without a timeout. */
export class Link {
  #away: { code: number; reason: string; attempts: number } | undefined
  #media: MediaState = 'connecting'
  /** Whether this media path carried packets: then it can fail because the network of this machine changed. */
  #wasConnected = false

  get state(): LinkState {
    if (this.#away !== undefined) return { kind: 'away', ...this.#away }
    return { kind: this.#media === 'failed' ? 'blocked' : this.#media }
  }

  gatewayLost(code: number, reason: string): void {
    this.#away = { code, reason, attempts: this.#away === undefined ? 0 : this.#away.attempts + 1 }
  }

  /** Returns whether media has to be negotiated again because it failed during the outage. */
  gatewayResumed(): boolean {
    this.#away = undefined
    return this.#media === 'failed'
  }

  /** A new session has started; its media is being negotiated. */
  mediaOpened(): void {
    this.#away = undefined
    this.#media = 'connecting'
    this.#wasConnected = false
  }

  /**
   * The media path changed by itself. Returns whether it has to be negotiated again: it was connected before, and the gateway connection
   * is open. One that never connects is blocked.
   */
  mediaChanged(state: MediaState): boolean {
    this.#media = state
    this.#wasConnected ||= state === 'connected'
    return state === 'failed' && this.#wasConnected && this.#away === undefined
  }
}

const STATES: Partial<Record<RTCPeerConnectionState, MediaState>> = {
  connected: 'connected',
  disconnected: 'silent',
  failed: 'failed',
}

/** Undefined for states that change nothing. */
export const mediaStateOf = (state: RTCPeerConnectionState): MediaState | undefined => STATES[state]
