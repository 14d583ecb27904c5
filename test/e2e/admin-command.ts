// A command line of the admin commands of `parley`, run in this process.
import assert from 'node:assert/strict'
import { adminProgram } from '../../packages/server/src/cli/admin/register.ts'

/** Runs `parley …` on the process with this admin socket. Returns what it printed. */
export async function parley(socket: string, line: string): Promise<string> {
  const printed: string[] = []
  const errors: string[] = []
  const program = adminProgram({ write: text => printed.push(text) }, { write: text => errors.push(text) })
  await program.parseAsync([...line.split(' '), '--socket', socket].slice(1), { from: 'user' })
  assert.deepEqual(errors, [], line)
  return printed.join('')
}
