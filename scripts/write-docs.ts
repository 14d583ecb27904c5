// Writes the generated parts of the documentation. With --check it writes nothing, and fails if a part is outdated.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { apiPages } from './docs/api.ts'
import { faultSections, openApi } from './docs/faults.ts'
import { grafanaDashboard } from './docs/grafana.ts'
import { lvspSchemas, lvspSections } from './docs/lvsp.ts'
import { operatingSections } from './docs/operating.ts'
import { type Section, type Whole, withSection } from './docs/page.ts'
import { systemdUnit } from './docs/unit.ts'

const sections: Section[] = [...lvspSections, ...operatingSections, ...faultSections]
const wholes: Whole[] = [...lvspSchemas, ...openApi, ...apiPages(), grafanaDashboard, systemdUnit]

const root = new URL('..', import.meta.url)
const pathOf = (file: string) => fileURLToPath(new URL(file, root))
const current = (file: string) => (existsSync(pathOf(file)) ? readFileSync(pathOf(file), 'utf8') : '')

const wanted = new Map(wholes.map(({ file, render }) => [file, render()]))
for (const section of sections)
  wanted.set(section.file, withSection(wanted.get(section.file) ?? current(section.file), section))

const outdated = [...wanted].filter(([file, text]) => current(file) !== text)
if (process.argv.includes('--check')) {
  for (const [file] of outdated) console.error(`${file} is outdated: npm run docs`)
  process.exitCode = outdated.length > 0 ? 1 : 0
} else {
  for (const [file, text] of outdated) {
    mkdirSync(dirname(pathOf(file)), { recursive: true })
    writeFileSync(pathOf(file), text)
    console.log(`wrote ${file}`)
  }
}
