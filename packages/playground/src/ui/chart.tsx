// A line chart over time that fills the width of its container.
import { useEffect, useRef } from 'preact/hooks'
import UPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'

export interface Series {
  readonly name: string
  /** Name of a custom property of the style sheet. */
  readonly colour: string
}

const HEIGHT = 96
const FONT = '11px system-ui, sans-serif'
/** Minimum top of the scale, so that noise around zero stays small. */
const LEAST_TOP = 1
/** Minimum span of the chart in seconds. */
const LEAST_SPAN = 10
/** Possible distances between marks in seconds. */
const MARKS = [5, 10, 30, 60]

export interface ChartProps {
  /** Seconds. */
  times: readonly number[]
  series: readonly Series[]
  /** By series, then by time; undefined where the chart has a gap. */
  values: readonly (readonly (number | undefined)[])[]
}

export function Chart({ times, series, values }: ChartProps) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<UPlot>()
  useEffect(() => {
    const element = place.current
    if (element === null) return
    const made = new UPlot(optionsFor(element, series), [[]], element)
    plot.current = made
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      made.destroy()
    }
  }, [series])
  useEffect(() => {
    // A single point is not a line, and uPlot would show an axis of years.
    const from = times.length > 1 ? 0 : 1
    // uPlot draws a gap for null, and a line over undefined.
    plot.current?.setData([times.slice(from), ...values.map(of => of.slice(from).map(value => value ?? null))])
  }, [times, values])
  return <div class="chart" ref={place} aria-hidden="true" />
}

function optionsFor(element: HTMLElement, series: readonly Series[]): UPlot.Options {
  const style = getComputedStyle(element)
  const grid = { stroke: style.getPropertyValue('--line'), width: 1 }
  const axis = { stroke: style.getPropertyValue('--faint'), font: FONT, grid, ticks: { show: false } }
  return {
    width: element.clientWidth,
    height: HEIGHT,
    padding: [6, 14, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { range: (_plot, least, most) => [Math.min(least ?? 0, (most ?? 0) - LEAST_SPAN), most ?? 0] },
      y: { range: (_plot, _least, most) => [0, Math.max(LEAST_TOP, (most ?? 0) * 1.15)] },
    },
    axes: [
      { ...axis, space: 70, size: 22, incrs: MARKS },
      { ...axis, space: 28, size: 38 },
    ],
    series: [
      {},
      ...series.map(({ name, colour }) => {
        const stroke = style.getPropertyValue(colour)
        return { label: name, stroke, width: 2, fill: `${stroke}1f`, points: { show: false } }
      }),
    ],
  }
}
