// Reports to test/test-process.mjs what the process does, as lines of JSON on descriptor 3. They are written synchronously, so
// that a test that blocks the thread is named too.
import { writeSync } from 'node:fs'
import { Transform } from 'node:stream'

const PROGRESS = 3

export function report(line) {
  writeSync(PROGRESS, `${JSON.stringify(line)}\n`)
}

/** Milliseconds that the process has to exit after its last test. Only a leaked handle keeps it longer. */
const EXIT_DEADLINE = 30_000
/** Registered tests of the top level that have not ended. */
let pending = 0
let isLoaded = false
let exitTimer

/** To be called when all files have been loaded. */
export function loaded() {
  isLoaded = true
  awaitExit()
}

function awaitExit() {
  clearTimeout(exitTimer)
  if (!isLoaded || pending > 0) return
  exitTimer = setTimeout(() => report({ open: process.getActiveResourcesInfo().join(', ') }), EXIT_DEADLINE).unref()
}

function follow({ type, data }) {
  if (data.nesting !== 0) return
  if (type === 'test:enqueue') {
    pending++
    report({ registered: data.name, file: data.file })
  } else if (type === 'test:pass' || type === 'test:fail') pending--
  awaitExit()
}

/** A reporter of node:test that prints nothing. */
export default new Transform({
  writableObjectMode: true,
  transform(event, _encoding, done) {
    follow(event)
    done()
  },
})
