// What the core asks of its host for DTLS: the server's half of a handshake, from datagrams to SRTP keys.
import type { SrtpProfile } from '@parley/protocol'

/** A certificate's digest, as SDP gives it (RFC 8122 §5). */
export interface Fingerprint {
  /** `sha-256`, `sha-384` or `sha-512`. */
  readonly algorithm: string
  readonly bytes: Uint8Array
}

export type DtlsState =
  | { readonly kind: 'handshaking' }
  /** `material` is what SRTP_EXPORTER_LABEL exports for the profile. */
  | { readonly kind: 'connected'; readonly profile: SrtpProfile; readonly material: Uint8Array }
  /** It failed, was closed by the client or by us. Nothing brings it back. */
  | { readonly kind: 'closed'; readonly reason: string }

/** One client's association. It owns no socket and no timer, and never throws for what a datagram holds. */
export interface DtlsAssociation {
  readonly state: DtlsState
  /** When it wants `tick`, `Infinity` if never. */
  readonly deadline: number
  /** One datagram of the client. */
  receive(datagram: Uint8Array, now: number): void
  /** Sends again what was not answered, or gives up. */
  tick(now: number): void
  /** What to send to the client, in order; all since the last call. */
  takeDatagrams(): readonly Uint8Array[]
  /** Frees it, and tells the client. `takeDatagrams` has the last word afterwards. */
  close(): void
}

export interface Dtls {
  /** Of the node's own certificate, as in SDP: `sha-256 AB:CD:…`. */
  readonly fingerprint: string
  /**
   * Waits for a client whose certificate has the fingerprint. Undefined while too many handshakes are under way. The caller
   * makes sure that the client's address is proved: there is no cookie exchange.
   */
  accept(expected: Fingerprint, now: number): DtlsAssociation | undefined
}
