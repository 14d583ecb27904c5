#!/usr/bin/env node
// The `parley` command: the built files where they are all there is (an installed package), else the source (a checkout).
import { existsSync } from 'node:fs'

const source = new URL('../src/cli/main.ts', import.meta.url)
if (existsSync(source)) {
  await import('./source.mjs')
  await import(source.href)
} else {
  await import('../dist/cli/main.js')
}
