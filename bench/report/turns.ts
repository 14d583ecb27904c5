// Several nodes under the same load, one after the other and over again, so that what else the machine does falls on all of them.

import type { Floor } from '../floor/floor.ts'
import type { Crowd } from '../load/crowd.ts'
import { type LoadFigures, type Measurement, measureLoad } from '../load/measure.ts'
import { median } from '../statistics.ts'

export interface Turns {
  rounds: number
  /** Of the floor's turn, where there is one. */
  floorSeconds: number
  measurement: Measurement
}

/** What came of one node. */
export interface Outcome extends LoadFigures {
  /** CPU per packet by that of the base in the same round, the median: of the floor, or without it of the first node. */
  ratio: number
}

export interface TurnsOutcome {
  /** Microseconds per packet of the floor; absent without one. */
  floor: number | undefined
  outcomes: Outcome[]
}

/** Measures each crowd in each round. */
export async function inTurns(crowds: readonly Crowd[], turns: Turns, floor?: Floor): Promise<TurnsOutcome> {
  const floors: number[] = []
  const rounds: LoadFigures[][] = []
  for (let round = 0; round < turns.rounds; round++) {
    if (floor !== undefined) floors.push(await floor.measure(turns.floorSeconds))
    const figures: LoadFigures[] = []
    for (const crowd of crowds) figures.push(await measureLoad(crowd, turns.measurement))
    rounds.push(figures)
  }
  const bases = floors.length > 0 ? floors : undefined
  const outcomes = crowds.map((_, index) => toBase(rounds, index, bases))
  return { floor: bases && median(bases), outcomes }
}

/** One column of rounds, by the first column of the same round or, where there are others, by `bases`. */
export function toBase(rounds: readonly LoadFigures[][], index: number, bases?: readonly number[]): Outcome {
  const base = (round: number) => bases?.[round] ?? rounds[round]![0]!.microseconds
  const own = rounds.map(figures => figures[index]!)
  return { ...merge(own), ratio: median(own.map(({ microseconds }, round) => microseconds / base(round))) }
}

/** Medians of what is measured, sums of what is counted. */
function merge(all: readonly LoadFigures[]): LoadFigures {
  const middle = (of: (figures: LoadFigures) => number) => median(all.map(of))
  const sum = (of: (figures: LoadFigures) => number) => all.reduce((total, figures) => total + of(figures), 0)
  return {
    packetsPerSecond: middle(each => each.packetsPerSecond),
    microseconds: middle(each => each.microseconds),
    cores: middle(each => each.cores),
    loss: middle(each => each.loss),
    checked: sum(each => each.checked),
    wrong: sum(each => each.wrong),
    late: sum(each => each.late),
    latency: all[0]?.latency && {
      p50: middle(each => each.latency?.p50 ?? Number.NaN),
      p99: middle(each => each.latency?.p99 ?? Number.NaN),
    },
    heartbeat: {
      p50: middle(each => each.heartbeat.p50),
      p99: middle(each => each.heartbeat.p99),
      answers: sum(each => each.heartbeat.answers),
    },
    joins: {
      p50: middle(each => each.joins.p50),
      p99: middle(each => each.joins.p99),
      count: sum(each => each.joins.count),
      failed: sum(each => each.joins.failed),
    },
  }
}
