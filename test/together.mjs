// Loads the test files named on the command line into this one process, and reports which test is running.
import { beforeEach } from 'node:test'
import { pathToFileURL } from 'node:url'
import { loaded, report } from './progress.mjs'

beforeEach(({ name, fullName = name }) => report({ running: fullName }))
for (const file of process.argv.slice(2)) {
  report({ running: `loading ${file}` })
  await import(pathToFileURL(file).href)
}
loaded()
// Node.js 20 then frees what native code still holds, and spins for ever in that (`Environment::CleanupHandles`) after some tests that cut
// TLS connections. Handles that are open keep the process from coming here, so the check for those remains.
process.on('exit', code => process.reallyExit(process.exitCode ?? code))
