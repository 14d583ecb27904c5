// Text for a terminal: tables with aligned columns, numbers with units.

/** Control characters of a value could move the cursor. */
const printable = (text: string) => text.replace(/\p{Cc}/gu, '?')

/** One line per row; columns are as wide as their longest cell. */
export function textTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const cells = [head, ...rows.map(row => row.map(cell => printable(String(cell))))]
  const widths = head.map((_, column) => Math.max(...cells.map(row => row[column]?.length ?? 0)))
  const isNumber = head.map((_, column) => rows.length > 0 && rows.every(row => typeof row[column] === 'number'))
  return cells.map(row =>
    row
      .map((cell, column) => (isNumber[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd(),
  )
}

/** Seconds as `3d 4h`, `4h 5m`, `5m 6s` or `6s`. */
export function age(seconds: number): string {
  const parts: [unit: string, length: number][] = [
    ['d', 86_400],
    ['h', 3_600],
    ['m', 60],
    ['s', 1],
  ]
  const first = parts.findIndex(([, length]) => seconds >= length)
  if (first < 0) return '0s'
  let rest = Math.floor(seconds)
  return parts
    .slice(first, first + 2)
    .map(([unit, length]) => {
      const count = Math.floor(rest / length)
      rest -= count * length
      return `${count}${unit}`
    })
    .join(' ')
}

/** Bits per second as `1.2 Mbit/s`. */
export function bitRate(bitsPerSecond: number): string {
  if (bitsPerSecond >= 1e6) return `${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s`
  return `${(bitsPerSecond / 1e3).toFixed(0)} kbit/s`
}
