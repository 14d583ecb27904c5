// Objects that a certificate authority sends (RFC 8555 §7.1, RFC 9773 §4.2). Unknown fields are ignored, each string has a bound.
import { z } from 'zod'
import { SERVER_LIMITS } from '../../limits.ts'

const Text = z.string().max(SERVER_LIMITS.maxAcmeText)
/** Only over TLS: what the authority names is requested as it stands. */
const Url = Text.refine(text => text.startsWith('https://') && URL.canParse(text))
/** As in the URL that an HTTP-01 challenge is requested at (RFC 8555 §8.1). */
const Token = Text.regex(/^[A-Za-z0-9_-]+$/)

/** Why a request or a challenge failed (RFC 9457): its type without `urn:ietf:params:acme:error:`, and a sentence. */
export const Problem = z.object({
  type: Text.default('about:blank').transform(type => type.replace('urn:ietf:params:acme:error:', '')),
  detail: Text.optional(),
  subproblems: z
    .array(z.object({ type: Text.optional(), detail: Text.optional() }))
    .max(SERVER_LIMITS.maxAcmeNames)
    .optional(),
})
export type Problem = z.output<typeof Problem>

/** Where the authority takes requests, and what it offers. */
export const Directory = z.object({
  newNonce: Url,
  newAccount: Url,
  newOrder: Url,
  renewalInfo: Url.optional(),
  meta: z
    .object({
      termsOfService: Text.optional(),
      /** Profiles by name, with a description each (draft-ietf-acme-profiles). */
      profiles: z.record(Text, z.unknown()).optional(),
      externalAccountRequired: z.boolean().optional(),
    })
    .optional(),
})
export type Directory = z.output<typeof Directory>

export const Order = z.object({
  status: z.enum(['pending', 'ready', 'processing', 'valid', 'invalid']),
  authorizations: z.array(Url).min(1).max(SERVER_LIMITS.maxAcmeNames),
  finalize: Url,
  certificate: Url.optional(),
  error: Problem.optional(),
})
export type Order = z.output<typeof Order>

export const Challenge = z.object({
  type: Text,
  url: Url,
  status: Text,
  token: Token.optional(),
  error: Problem.optional(),
})
export type Challenge = z.output<typeof Challenge>

export const Authorization = z.object({
  identifier: z.object({ type: Text, value: Text }),
  status: z.enum(['pending', 'valid', 'invalid', 'deactivated', 'expired', 'revoked']),
  challenges: z.array(Challenge).max(SERVER_LIMITS.maxAcmeNames),
})
export type Authorization = z.output<typeof Authorization>

/** When the authority wants the certificate renewed. */
export const RenewalInfo = z.object({
  suggestedWindow: z.object({ start: z.iso.datetime({ offset: true }), end: z.iso.datetime({ offset: true }) }),
})
export type RenewalInfo = z.output<typeof RenewalInfo>

/** The object in the text, or undefined if the text is not one of that schema. */
export function decodeAcme<Schema extends z.ZodType>(schema: Schema, text: string): z.output<Schema> | undefined {
  try {
    const { success, data } = schema.safeParse(JSON.parse(text))
    return success ? data : undefined
  } catch {
    return undefined
  }
}
