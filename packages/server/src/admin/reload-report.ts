// What a reload did, for the log and the admin API.
import { z } from 'zod'

export const ReloadReport = z.object({
  applied: z.array(z.string()).meta({ description: 'Changed settings that are in effect now.' }),
  restart: z.array(z.string()).meta({ description: 'Changed settings that need a restart.' }),
  warnings: z.array(z.string()),
  certificate: z
    .object({ names: z.array(z.string()), issuer: z.string(), from: z.string(), until: z.string() })
    .optional()
    .meta({ description: 'The certificate of new connections.' }),
  error: z.string().optional().meta({ description: 'Why nothing was changed.' }),
})
export type ReloadReport = z.infer<typeof ReloadReport>
