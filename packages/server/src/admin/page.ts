// Lists of the admin API: which items a request asks for, and one page of them.
import { Snowflake } from '@parley/protocol'
import { z } from 'zod'
import { SERVER_LIMITS } from '../limits.ts'

export const Backend = z.string().max(32).optional().meta({ description: 'Only of this backend.' })
export const Channel = Snowflake.optional().meta({ description: 'Only in this channel.' })
/** A number in a query, which is text. */
const Count = z
  .string()
  .regex(/^\d{1,9}$/)
  .transform(Number)

/** Which items of a list, and which page of them. */
export const Filter = z.strictObject({
  backend: Backend,
  channel: Channel,
  user: Snowflake.optional().meta({ description: 'Only this user.' }),
  offset: Count.optional().meta({ description: 'Items to leave out.' }),
  limit: Count.optional().meta({
    description: `Items in the answer; default and maximum ${SERVER_LIMITS.maxAdminItems}.`,
  }),
})
export type Filter = z.output<typeof Filter>

/** An answer with one page of items. */
export const listOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ total: z.int().meta({ description: 'Items that match.' }), items: z.array(item) })

/** Items of a list, and the number of all that match. */
export interface Page<Item> {
  readonly total: number
  readonly items: Item[]
}

/** One page of the items that match, and the number of all. Without a filter only those of the page are viewed. */
export function page<Source, Item extends object>(
  sources: Iterable<Source>,
  viewOf: (source: Source) => Item,
  { offset = 0, limit, ...filter }: Filter,
): Page<Item> {
  const wanted = Object.entries(filter).filter(([, value]) => value !== undefined)
  const end = offset + Math.min(limit ?? SERVER_LIMITS.maxAdminItems, SERVER_LIMITS.maxAdminItems)
  const items: Item[] = []
  let total = 0
  for (const source of sources) {
    const isShown = total >= offset && total < end
    const item = isShown || wanted.length > 0 ? viewOf(source) : undefined
    if (item !== undefined && !wanted.every(([key, value]) => matches(item, key, value))) continue
    if (isShown && item !== undefined) items.push(item)
    total++
  }
  return { total, items }
}

/** A channel matches a user that is present in it. */
function matches(item: object, key: string, value: unknown): boolean {
  const fields = item as Record<string, unknown>
  return key === 'user' && Array.isArray(fields.present) ? fields.present.includes(value) : fields[key] === value
}
