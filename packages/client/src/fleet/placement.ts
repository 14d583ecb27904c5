// Selects the node for a new channel: a healthy one of its region, and the same one until another is clearly healthier.

import { LIMITS } from '../limits.ts'

export interface Candidate {
  readonly name: string
  readonly region: string
  /** 0 (accepts no channels) to 1. */
  readonly health: number
}

export class Placement {
  /** The node selected last, by region; the key `undefined` is for channels without a region. */
  readonly #current = new Map<string | undefined, string>()

  /** Falls back to nodes of other regions. Undefined if no node accepts channels. */
  choose(candidates: readonly Candidate[], region: string | undefined): string | undefined {
    const serving = candidates.filter(node => node.health > 0)
    const near = serving.filter(node => region === undefined || node.region === region)
    const eligible = near.length > 0 ? near : serving
    const best = eligible.reduce<Candidate | undefined>(healthier, undefined)
    const current = eligible.find(node => node.name === this.#current.get(region))
    const chosen = current !== undefined && best!.health - current.health < LIMITS.placementMargin ? current : best
    if (chosen !== undefined) this.#current.set(region, chosen.name)
    return chosen?.name
  }
}

const healthier = (best: Candidate | undefined, node: Candidate) =>
  best === undefined || node.health > best.health ? node : best
