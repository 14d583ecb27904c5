// DTLS, which the host implements: the server side of a handshake, from datagrams to SRTP keys.
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
  /** The handshake failed, or either side closed the association. Final. */
  | { readonly kind: 'closed'; readonly reason: string }

/** The association of one client. It owns no socket and no timer, and never throws for the contents of a datagram. */
export interface DtlsAssociation {
  readonly state: DtlsState
  /** When `tick` is to be called; `Infinity` if never. */
  readonly deadline: number
  /** A datagram from the client. */
  receive(datagram: Uint8Array, now: number): void
  /** Retransmits the last flight, or closes after too many attempts. */
  tick(now: number): void
  /** Datagrams to send to the client, in order, since the last call. */
  takeDatagrams(): readonly Uint8Array[]
  /** Releases it and queues close_notify for the client in `takeDatagrams`. */
  close(): void
}

export interface Dtls {
  /** Fingerprint of the node's certificate, as in SDP: `sha-256 AB:CD:…`. */
  readonly fingerprint: string
  /**
   * Waits for a client whose certificate has the fingerprint. The caller has verified the client's address, because there is no
   * cookie exchange, and bounds the handshakes in progress.
   */
  accept(expected: Fingerprint, now: number): DtlsAssociation
}
