// The forms that values of settings have in the file, and how a setting carries its documentation.
import { isIP } from 'node:net'
import { PROTOCOL_LIMITS } from '@parley/protocol'
import { z } from 'zod'
import { SERVER_LIMITS } from '../limits.ts'

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const
const DURATION = /^(\d{1,9})(ms|s|m|h)$/
/** Whole days below the longest timeout of Node.js. */
const MAX_DURATION = Math.floor(SERVER_LIMITS.maxTimeout / (24 * UNITS.h)) * 24 * UNITS.h

/** Such as `30s`, in milliseconds. */
export const Duration = z.codec(z.string().regex(DURATION), z.number().max(MAX_DURATION), {
  decode: text => {
    const [, count, unit] = DURATION.exec(text) ?? []
    return Number(count) * UNITS[unit as keyof typeof UNITS]
  },
  encode: ms => {
    const unit = (['h', 'm', 's'] as const).find(unit => ms > 0 && ms % UNITS[unit] === 0) ?? 'ms'
    return `${ms / UNITS[unit]}${unit}`
  },
})

/** `host:port`, with an IPv6 address in brackets. */
const LISTEN = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/

/** Text in the file, host and port in the code. */
export const Listen = z.codec(
  z.string().refine(text => Number(LISTEN.exec(text)?.[3] ?? 65_536) <= 65_535),
  z.object({ host: z.string(), port: z.number() }),
  {
    decode: text => {
      const [, ipv6, host, port] = LISTEN.exec(text) ?? []
      return { host: ipv6 ?? host ?? '', port: Number(port) }
    },
    encode: ({ host, port }) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`),
  },
)
/** Address of a listener. */
export type Listen = z.output<typeof Listen>

/** `host` or `host:port` as backends hand it to clients: a DNS name or an IP address, without scheme and path. */
const ENDPOINT = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]{1,253})(?::\d{1,5})?$/
export const Endpoint = z
  .string()
  .regex(ENDPOINT)
  .refine(text => URL.canParse(`wss://${text}`))
/** A URL that a WebSocket can be opened at: ws: or wss:, without credentials, which would be shown, and without a fragment. */
export function isWebSocketUrl(text: string): boolean {
  if (!/^wss?:\/\/[^#]*$/.test(text) || !URL.canParse(text)) return false
  const { username, password } = new URL(text)
  return username === '' && password === ''
}
export const WebSocketUrl = z.string().max(PROTOCOL_LIMITS.endpoint).refine(isWebSocketUrl)
/** `host` or `host:port`. */
export const StunServer = z.string().regex(/^[A-Za-z0-9.-]{1,253}(?::\d{1,5})?$/)

export const Ip = z.string().refine(text => isIP(text) !== 0)
/** Relative to the folder of the file that names it; `Settings.path` resolves it. */
export const Path = z.string().min(1)
export const Secret = z.string().min(1).max(SERVER_LIMITS.maxSecret)

/** Expected forms that several settings share. */
export const aDuration = 'a duration of at most 24 days such as "250ms", "30s", "10m" or "1h"'
export const port = z.int().min(0).max(65_535)
export const trueOrFalse = 'true or false'

/** Adds documentation to a setting: the expected form of its value, and its effect. */
export function setting<Schema extends z.ZodType>(schema: Schema, expected: string, description: string): Schema {
  return schema.meta({ description, expected })
}

/** The same for a setting that a reload applies; a change of the others needs a restart. */
export function reloaded<Schema extends z.ZodType>(schema: Schema, expected: string, description: string): Schema {
  return schema.meta({ description, expected, isReloaded: true })
}
