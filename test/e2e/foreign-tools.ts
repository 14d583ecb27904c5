// Foreign libraries, fetched once into `.cache`: each function returns how to start a bot on one, or why there is none.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const cache = (name: string) => here(`../../.cache/${name}`)

export type Tool = { command: readonly [string, ...string[]] } | { missing: string }

/** discord.py, in an environment of its own. */
export function discordPy(): Tool {
  const folder = cache('discord-py')
  const python = join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python')
  const requirements = here('discord-py/requirements.txt')
  const wanted = readFileSync(requirements, 'utf8')
  const stamp = join(folder, 'installed.txt')
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
    rmSync(folder, { recursive: true, force: true })
    const missing =
      run('python3', ['-m', 'venv', folder]) ??
      run(python, ['-m', 'pip', 'install', '--quiet', '--requirement', requirements])
    if (missing !== undefined) return { missing }
    writeFileSync(stamp, wanted)
  }
  return { command: [python, here('discord-py/bot.py')] }
}

/** disgo, compiled with the Go of this machine. */
export function disgo(): Tool {
  const folder = cache('disgo')
  const binary = join(folder, process.platform === 'win32' ? 'bot.exe' : 'bot')
  mkdirSync(folder, { recursive: true })
  const missing = run('go', ['build', '-o', binary, '.'], here('disgo'))
  return missing === undefined ? { command: [binary] } : { missing }
}

/** Undefined if it worked, else a line that says why not. */
function run(program: string, args: string[], cwd?: string): string | undefined {
  const { status, stderr, error } = spawnSync(program, args, { cwd, encoding: 'utf8', timeout: 300_000 })
  if (status === 0) return undefined
  const lines = (error?.message ?? stderr).trim().split('\n')
  return `${program} ${args.slice(0, 3).join(' ')}: ${lines.at(-1)}`
}
