// A channel of a load: its members, each with its own socket.
import type { Member } from './member.ts'

export interface LoadChannel {
  readonly members: readonly Member[]
  /** Index of the first member's socket; the other members use the following ones. Channels may share sockets. */
  readonly firstSocket: number
  /** Number of members that stay. The members after them are visitors. */
  readonly residents: number
}
