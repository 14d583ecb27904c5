// Selects the node for a new channel: of two random candidates the one with the lower load, counting what was placed since it
// reported. The least loaded of all would receive every channel of a burst, because reports are up to a second old.
import { LIMITS } from '../../limits.ts'
import type { Member } from './membership.ts'

export interface SelectionOptions {
  /** Nodes of other regions are used only where this one has none. */
  readonly region?: string | undefined
  /** Version of Parley; nodes of another major version are excluded. Any without it. */
  readonly version?: string | undefined
  /** Ids of nodes that refused the channel, or that it leaves. */
  readonly without?: ReadonlySet<string> | undefined
  /** A stage of many listeners: the node with the lowest load of all is selected. */
  readonly isLarge?: boolean | undefined
}

/** `random` returns a number from 0 up to, not including, 1. Undefined if no node accepts channels. */
export function selectNode(
  members: readonly Member[],
  options: SelectionOptions,
  random: () => number,
): Member | undefined {
  const serving = members.filter(member => isEligible(member, options))
  const alive = serving.filter(({ state }) => state === 'alive')
  // All are suspect for a moment when the coordinator is lost.
  const eligible = alive.length > 0 ? alive : serving
  const near = eligible.filter(({ record }) => options.region === undefined || record.region === options.region)
  const candidates = notFull(near.length > 0 ? near : eligible)
  if (options.isLarge === true) return candidates.reduce(lowerLoad, candidates[0])
  const first = Math.floor(random() * candidates.length)
  // Another one than the first, with equal probability.
  const second = (first + 1 + Math.floor(random() * (candidates.length - 1))) % candidates.length
  return lowerLoad(candidates[first], candidates[second])
}

/** Reported load and what was placed since. */
export const expectedLoad = ({ report, placed }: Member): number => (report?.load ?? 0) + placed

function isEligible({ record, state }: Member, { version, without }: SelectionOptions): boolean {
  if (state === 'dead' || record.state !== 'serving' || without?.has(record.id) === true) return false
  return version === undefined || majorOf(version) === majorOf(record.version)
}

/** Full nodes are used only if all are full. */
function notFull(members: readonly Member[]): readonly Member[] {
  const free = members.filter(member => expectedLoad(member) < LIMITS.clusterFullLoad)
  return free.length > 0 ? free : members
}

const majorOf = (version: string) => version.split('.', 1)[0]

const lowerLoad = (a: Member | undefined, b: Member | undefined): Member | undefined =>
  a === undefined || (b !== undefined && expectedLoad(b) < expectedLoad(a)) ? b : a
