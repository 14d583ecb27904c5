// Removes what earlier builds wrote, so that a release has no file whose source was moved or deleted.
import { readdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const packages = new URL('../packages/', import.meta.url)
for (const name of readdirSync(packages))
  for (const built of ['dist', 'tsconfig.tsbuildinfo'])
    rmSync(fileURLToPath(new URL(`${name}/${built}`, packages)), { recursive: true, force: true })
