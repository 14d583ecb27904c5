// What the programs measure, and the aims that it is compared with.

/** How much is done, and what is wanted. */
export interface Extent {
  readonly lvspDrops: number
  readonly backendRestarts: number
  readonly laneCrashes: number
  /** Pairs of members that talk. */
  readonly pairs: number
  readonly floodSeconds: number
  /** TCP connections at once that never complete their upgrade. */
  readonly halfOpen: number
  /** DTLS ClientHellos. */
  readonly handshakesPerSecond: number
  /** Connections that send messages of 64 kB as fast as they are read. */
  readonly jsonSockets: number
  /** UDP datagrams. */
  readonly garbagePerSecond: number
  /** Channels of one backend. */
  readonly channels: number
  readonly aims: {
    /** Milliseconds. */
    readonly heartbeatP99: number
    /** Share of the legitimate frames. */
    readonly loss: number
    /** Milliseconds without media after a lane has crashed. */
    readonly interruption: number
    /** Milliseconds of one turn of a node that works on all its channels. */
    readonly turn: number
  }
}

export interface Figure {
  readonly what: string
  readonly value: number
  readonly unit: string
  /** The largest value wanted. */
  readonly atMost?: number
  /** The smallest value wanted. */
  readonly atLeast?: number
}

export const isMissed = ({ value, atMost = Infinity, atLeast = -Infinity }: Figure): boolean =>
  !(value <= atMost && value >= atLeast)

export function printFigures(figures: readonly Figure[]): void {
  for (const figure of figures) {
    const { what, value, unit, atMost, atLeast } = figure
    const wanted = atMost !== undefined ? `≤ ${text(atMost)}` : atLeast !== undefined ? `≥ ${text(atLeast)}` : ''
    console.log(
      `  ${what.padEnd(58)} ${text(value).padStart(9)} ${unit.padEnd(4)} ${wanted}${isMissed(figure) ? '  missed' : ''}`,
    )
  }
}

const text = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 3 : 0 })
