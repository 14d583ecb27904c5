// Shapes of values that Spacebar's bus and its database share.
import { z } from 'zod'

export const Snowflake = z.string().regex(/^\d{1,20}$/)
/** Spacebar writes null where a value is absent. */
export const optional = <T extends z.ZodType>(type: T) => type.nullish().transform(value => value ?? undefined)
/** False where it is absent. */
export const Flag = z
  .boolean()
  .nullish()
  .transform(value => value ?? false)
