// The outcome of an operation that may be refused.

/** The value, or the reason for the refusal. Lookups return `undefined` instead, and decoders throw DecodeError. */
export type Result<T, Reason = string> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: Reason }

export const ok = <T>(value: T): Result<T, never> => ({ ok: true, value })
export const refused = <Reason>(reason: Reason): Result<never, Reason> => ({ ok: false, reason })
