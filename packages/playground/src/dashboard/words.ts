// Numbers in words, as the dashboard shows them.

/** Such as `950`, `12.4k` or `3.1M`. */
export function large(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)}M`
  if (value >= 1e4) return `${(value / 1e3).toFixed(1)}k`
  return value >= 100 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1)
}

/** Such as `1.4 Mbit/s`. */
export function rate(value: number, unit: string): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(1)} G${unit}`
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} M${unit}`
  if (value >= 1e3) return `${(value / 1e3).toFixed(0)} k${unit}`
  return `${value.toFixed(0)} ${unit}`
}

/** Such as `45 s`, `12 min`, `3 h 10 min` or `2 d 4 h`. */
export function duration(seconds: number): string {
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  if (minutes < 1) return `${Math.floor(seconds)} s`
  if (hours < 1) return `${minutes} min`
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** Below the table of a list of which only the first rows are shown: the command of the same name prints all. */
export const restOf = (title: string, shown: number): string =>
  `The first ${shown} are shown; \`parley ${title.toLowerCase()}\` lists all.`

/** A share such as `1.5 %`; a dash if it is not known. */
export const percent = (share: number | undefined): string =>
  share === undefined ? '–' : `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`
