// The generated parts of the documentation: tables between markers of a page, and whole files.

/** Replaces the text between `<!-- begin MARKER -->` and `<!-- end MARKER -->` of a page. */
export interface Section {
  /** Relative to the root of the repository. */
  file: string
  marker: string
  render(): string
}

/** A file that is generated as a whole. */
export interface Whole {
  file: string
  render(): string
}

/** Throws an error unless the page has both markers, once each and in order. */
export function withSection(page: string, { file, marker, render }: Section): string {
  const [begin, end] = [`<!-- begin ${marker} -->`, `<!-- end ${marker} -->`]
  const [before, rest, ...more] = page.split(begin)
  const [, after, ...evenMore] = rest?.split(end) ?? []
  if (before === undefined || after === undefined || more.length + evenMore.length > 0)
    throw new Error(`${file}: expected ${begin} and ${end}, once each`)
  return `${before}${begin}\n${render().trimEnd()}\n${end}${after}`
}

/** A Markdown table; cells may contain anything except line breaks. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
