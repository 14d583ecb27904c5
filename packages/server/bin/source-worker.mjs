// The first module of a thread that runs this repository's TypeScript as it is: what it is to run stands in its `workerData`.
import { register } from 'node:module'
import { workerData } from 'node:worker_threads'
import { register as registerTsx } from 'tsx/esm/api'

// A thread does not have the hooks of the one that started it, and `import 'tsx'` leaves threads alone.
register('./source-hooks.mjs', import.meta.url)
registerTsx()
await import(workerData.entry)
