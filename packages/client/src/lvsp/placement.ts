// Which node takes a new channel: a healthy one of its region, and the same one for as long as none is clearly better.

export interface Candidate {
  readonly name: string
  readonly region: string
  /** 0 (takes nothing) to 1. */
  readonly health: number
}

/** By how much another node must be healthier before new channels go there: less is noise. */
const MARGIN = 0.1

export class Placement {
  /** By region; the key of channels without a region is undefined. */
  readonly #favourites = new Map<string | undefined, string>()

  /** Nodes of other regions are better than none. Undefined if nobody takes channels. */
  choose(candidates: readonly Candidate[], region: string | undefined): string | undefined {
    const serving = candidates.filter(node => node.health > 0)
    const near = serving.filter(node => region === undefined || node.region === region)
    const eligible = near.length > 0 ? near : serving
    const best = eligible.reduce<Candidate | undefined>(healthier, undefined)
    const favourite = eligible.find(node => node.name === this.#favourites.get(region))
    const chosen = favourite !== undefined && best!.health - favourite.health < MARGIN ? favourite : best
    if (chosen !== undefined) this.#favourites.set(region, chosen.name)
    return chosen?.name
  }
}

const healthier = (best: Candidate | undefined, node: Candidate) =>
  best === undefined || node.health > best.health ? node : best
