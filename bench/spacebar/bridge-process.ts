// The bridge in a separate process. Its settings are the argument; it answers each message with its figures.
import { checkSettings, SpacebarBridge } from '@parley/spacebar'

const bridge = await SpacebarBridge.start(checkSettings(JSON.parse(process.argv[2] ?? '{}')), {
  log: ({ event }) => event === 'bridge.ready' && process.send?.('ready'),
})

process.on('message', () => {
  globalThis.gc?.()
  const { user, system } = process.cpuUsage()
  const { heapUsed, rss } = process.memoryUsage()
  process.send?.({
    users: bridge.users,
    received: bridge.received,
    cpuSeconds: (user + system) / 1e6,
    heapBytes: heapUsed,
    residentBytes: rss,
  })
})
process.on('disconnect', () => process.exit())
