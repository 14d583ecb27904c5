// Measures several nodes under the same load in interleaved rounds, so that background load affects all of them equally.

import type { Floor } from '../floor/floor.ts'
import type { Crowd } from '../load/crowd.ts'
import { type LoadFigures, type Measurement, measureLoad } from '../load/measure.ts'
import { median } from '../statistics.ts'

export interface Turns {
  rounds: number
  /** Seconds of the floor's turn, if there is one. */
  floorSeconds: number
  measurement: Measurement
}

/** Result of one node. */
export interface Outcome extends LoadFigures {
  /** Median of the CPU per packet relative to the base of the same round: the floor, or without a floor the first node. */
  ratio: number
}

export interface TurnsOutcome {
  /** Microseconds per packet of the floor; undefined without one. */
  floor: number | undefined
  outcomes: Outcome[]
}

/** Measures each crowd once per round. */
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

/** Merges one column of the rounds. The ratio is relative to `bases`, by default to the first column of the same round. */
export function toBase(rounds: readonly LoadFigures[][], index: number, bases?: readonly number[]): Outcome {
  const base = (round: number) => bases?.[round] ?? rounds[round]![0]!.microseconds
  const column = rounds.map(figures => figures[index]!)
  return { ...merge(column), ratio: median(column.map(({ microseconds }, round) => microseconds / base(round))) }
}

/** Medians of measured values, sums of counted values. */
function merge(all: readonly LoadFigures[]): LoadFigures {
  const middle = (of: (figures: LoadFigures) => number) => median(all.map(of))
  const sum = (of: (figures: LoadFigures) => number) => all.reduce((total, figures) => total + of(figures), 0)
  return {
    packetsPerSecond: middle(each => each.packetsPerSecond),
    microseconds: middle(each => each.microseconds),
    cores: middle(each => each.cores),
    sent: sum(each => each.sent),
    ended: sum(each => each.ended),
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
