// A conformance driver for backends: `Fleet` of @parley/client (docs/conformance.md). Tests also run `fleetBackend` in their process.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { Fleet } from '@parley/client'

/** A line on standard input. */
interface Command {
  do: string
  user_id: string
  channel_id: string
  guild_id: string
  mute?: boolean
}

interface Seat {
  userId: string
  channelId: string
  guildId: string
  mute?: boolean | undefined
}

const EVENTS: Readonly<Record<string, string>> = { join: 'joined', leave: 'left', mute: 'muted', end: 'ended' }
/** Seconds. */
const SYNC_GRACE = 60

/** A backend of the nodes that the variables name. */
export function fleetBackend(environment: Readonly<Record<string, string | undefined>>) {
  const ca = environment.PARLEY_CA
  const tls = ca === undefined ? undefined : { ca: readFileSync(ca) }
  const nodes = ['', '_2'].flatMap(suffix => {
    const url = environment[`PARLEY_LVSP_URL${suffix}`]
    const secret = environment[`PARLEY_LVSP_SECRET${suffix}`] ?? ''
    return url === undefined ? [] : [{ name: `node${suffix}`, region: 'test', url, secret, tls }]
  })
  const fleet = new Fleet({ nodes, syncGrace: SYNC_GRACE })
  fleet.on('error', () => {})
  fleet.connect().catch(() => {})
  const commands: Record<string, (seat: Seat) => Promise<object>> = {
    async join(seat) {
      const assigned = await fleet.channelFor(seat)
      const granted = await fleet.createVoiceState(seat)
      const endpoint = granted.endpoint ?? assigned.endpoint
      return { token: granted.token ?? assigned.token, session_id: granted.sessionId, endpoint }
    },
    async leave(seat) {
      fleet.destroyVoiceState(seat)
      return {}
    },
    async mute({ mute, ...seat }) {
      fleet.updateVoiceState(seat, { mute })
      return {}
    },
    async end(channel) {
      fleet.destroyChannel(channel)
      return {}
    },
  }
  return {
    /** Resolves with the event that answers. */
    async call({ do: name, user_id: userId, channel_id: channelId, guild_id: guildId, mute }: Command) {
      try {
        const answer = await commands[name]!({ userId, channelId, guildId, mute })
        return { event: EVENTS[name]!, ...answer }
      } catch (error) {
        return { event: 'failed', error: String(error) }
      }
    },
    close: () => fleet.close(),
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const backend = fleetBackend(process.env)
  createInterface({ input: process.stdin }).on('line', async line => {
    process.stdout.write(`${JSON.stringify(await backend.call(JSON.parse(line)))}\n`)
  })
}
