// Tokens that name the node that created them: the process where a client arrives finds the owner without asking any other, also
// while NATS is unreachable. The name authenticates nothing: the owner compares the whole token.
import type { Crypto } from '@parley/core'

/** Not part of base64url, nor of a node's id. */
const SEPARATOR = '.'

/** The same cryptography, with tokens that begin with the node's id. */
export const namingOwner = (crypto: Crypto, node: string): Crypto => ({
  ...crypto,
  randomToken: size => `${node}${SEPARATOR}${crypto.randomToken(size)}`,
})

/** The id in a token; undefined if it has none. Any client can write any id. */
export function ownerIn(token: string): string | undefined {
  const end = token.indexOf(SEPARATOR)
  return end > 0 ? token.slice(0, end) : undefined
}
