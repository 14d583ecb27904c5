// The line protocol of conformance drivers (docs/conformance.md) for Node.js: commands on stdin, events on stdout.
import { createInterface } from 'node:readline'

export const tell = (event, fields = {}) => process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`)

/** The addresses that `parley conformance` passes to drivers. */
export const rest = process.env.PARLEY_REST
export const gateway = process.env.PARLEY_GATEWAY

/** Calls the method of `client` that a command names; what it returns is sent with the event that answers. */
export function serve(client) {
  const events = { login: 'logged_in', join: 'joined', play: 'played', leave: 'left' }
  createInterface({ input: process.stdin }).on('line', async line => {
    const { do: name, ...fields } = JSON.parse(line)
    try {
      tell(events[name], (await client[name](fields)) ?? {})
    } catch (error) {
      tell('failed', { do: name, error: String(error) })
    }
  })
  // An unhandled error of a library ends the process, as it ends a bot.
}

export const bytes = frames => frames.map(frame => Buffer.from(frame, 'base64'))
