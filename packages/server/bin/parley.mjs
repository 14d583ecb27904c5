#!/usr/bin/env node
// The `parley` command: runs the source in a checkout with development dependencies, the built files everywhere else.
import { existsSync } from 'node:fs'

// By default SIGHUP ends a process, and loading takes a while: `serve` reads its certificate later anyway.
if (process.argv[2] === 'serve') process.on('SIGHUP', () => {})

const source = new URL('../src/cli/main.ts', import.meta.url)
const built = new URL('../dist/bundle/parley.js', import.meta.url)
if (existsSync(source) && hasLoader()) {
  await import('./source.mjs')
  await import(source.href)
} else if (existsSync(built)) {
  await import(built.href)
} else {
  console.error('parley: this checkout has no development dependencies and no build; run npm ci')
  process.exitCode = 1
}

/** Whether the package that runs TypeScript is installed. */
function hasLoader() {
  try {
    import.meta.resolve('tsx')
    return true
  } catch {
    return false
  }
}
