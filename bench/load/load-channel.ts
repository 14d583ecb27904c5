// A channel of a load: its members, each at a socket of its own.
import type { Member } from './member.ts'

export interface LoadChannel {
  readonly members: readonly Member[]
  /** Socket of the first member; the others have the ones after it. Other channels may use them too. */
  readonly firstSocket: number
  /** How many of the members stay: the others, at the end, come and go. */
  readonly residents: number
}
