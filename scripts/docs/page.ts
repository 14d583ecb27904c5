// The parts of the documentation that are written from code: tables between markers of a page, and whole files.

/** Replaces what stands between `<!-- begin MARKER -->` and `<!-- end MARKER -->` of a page. */
export interface Section {
  /** From the root of the repository. */
  file: string
  marker: string
  render(): string
}

/** A file that is written as a whole. */
export interface Whole {
  file: string
  render(): string
}

/** Throws a plain error if the page has not both markers, once each and in order. */
export function withSection(page: string, { file, marker, render }: Section): string {
  const [begin, end] = [`<!-- begin ${marker} -->`, `<!-- end ${marker} -->`]
  const [before, rest, ...more] = page.split(begin)
  const [, after, ...evenMore] = rest?.split(end) ?? []
  if (before === undefined || after === undefined || more.length + evenMore.length > 0)
    throw new Error(`${file}: expected ${begin} and ${end}, once each`)
  return `${before}${begin}\n${render().trimEnd()}\n${end}${after}`
}

/** A table of Markdown; cells may hold anything but line breaks. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
