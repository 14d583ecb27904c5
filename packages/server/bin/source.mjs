// Lets Node.js run this repository's TypeScript as it is: resolves workspaces to their source, and strips types.
import { register } from 'node:module'

register('./source-hooks.mjs', import.meta.url)
await import('tsx')
