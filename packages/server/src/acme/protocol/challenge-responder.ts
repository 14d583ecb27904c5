// How a node answers the challenges of a certificate authority, by which it proves control of a name.

/** One challenge of an authorization. */
export interface ChallengeAnswer {
  /** A DNS name or an IP address. */
  readonly name: string
  readonly token: string
  /** The token with the thumbprint of the account's key (RFC 8555 §8.1). */
  readonly keyAuthorization: string
}

export interface ChallengeResponder {
  readonly type: 'http-01' | 'tls-alpn-01'
  /** From then on the authority may ask. The result ends it. Rejects with an `AcmeError`. */
  publish(answer: ChallengeAnswer): Promise<() => Promise<void>>
}
