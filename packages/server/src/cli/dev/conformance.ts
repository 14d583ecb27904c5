// `parley conformance`: numbered cases against a voice client, an LVSP node or an LVSP backend.
import { once } from 'node:events'
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, isIP } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Command, Option } from 'commander'
import { ConfigError } from '../../config/config-error.ts'
import type { NodeDialect } from '../../conformance/node/node-target.ts'
import { traceLine } from '../../dev/trace/trace-lines.ts'
import type { TraceEvent } from '../../dev/trace/trace-record.ts'
import { selfSignedCertificate } from '../../net/self-signed.ts'
import { runCommand } from '../config-options.ts'
import { count, finish, listCases, type OutputFlags, withOutputOptions } from './conformance-output.ts'

const HELP = `
docs/conformance.md describes the cases, and drivers: programs that are controlled by lines of JSON.

Exit codes: 0 no case failed, 1 a case failed, 2 an option is invalid.`

const CLIENT_HELP = `
Examples:
  $ parley conformance client -- node my-driver.mjs
  $ parley conformance client --only close,udp --format junit --output report.xml -- python3 driver.py
${HELP}`

const NODE_HELP = `
Examples:
  $ parley conformance node wss://voice.example.org/lvsp --secret-file secret
  $ parley conformance node ws://127.0.0.1:8080/lvsp --secret test --dialect litecord --format html -o report.html

The secret has to be that of a backend without users: the cases end its channels.
${HELP}`

const BACKEND_HELP = `
Examples:
  $ parley conformance backend -- node my-driver.mjs
  $ parley conformance backend --observe -- ./start-my-backend.sh    # cases that need no commands
  $ parley conformance backend --host 172.17.0.1 --tls -- docker run …    # from a container, over wss

The backend connects to the node at PARLEY_LVSP_URL, with the secret PARLEY_LVSP_SECRET.
${HELP}`

/** Options of `parley conformance client`. */
interface ClientFlags extends OutputFlags {
  parallel: number
  trace?: string
  seed: number
  legacyModes: boolean
  voiceHost?: string
}

interface NodeFlags extends OutputFlags {
  secret?: string
  secretFile?: string
  dialect: NodeDialect
  endpoint?: string
  ca?: string
}

interface BackendFlags extends OutputFlags {
  host: string
  tls: boolean
  parallel: number
  observe: boolean
}

export function register(program: Command): void {
  const conformance = program.command('conformance').description('run numbered cases against an implementation')
  withOutputOptions(conformance.command('client'))
    .description('put a voice client through faults and close codes')
    .argument('[command...]', 'the driver of the client, after --')
    .option('--parallel <number>', 'cases at a time', count, 4)
    .option('--seed <number>', 'seed of random faults', count, 1)
    .option('--legacy-modes', 'also offer encryption modes that only old clients have, such as discordgo', false)
    .option('--voice-host <name>', 'host of the voice endpoint: localhost for clients that need a name, such as JDA')
    .option('--trace <file>', 'write what clients and server say to each other, as JSON lines for `parley trace`')
    .addHelpText('after', CLIENT_HELP)
    .action((command: string[], flags: ClientFlags) => runCommand(() => client(command, flags)))
  withOutputOptions(conformance.command('node'))
    .description('check another LVSP server, and its voice gateway and media')
    .argument('[url]', 'LVSP of the node')
    .option('--secret <text>', 'secret that the node shares with a backend without users; prefer --secret-file')
    .option('--secret-file <file>', 'file with that secret')
    .addOption(new Option('--dialect <name>', 'numbers of info types').choices(['spec', 'litecord']).default('spec'))
    .option('--endpoint <host:port>', 'voice gateway, for a node that names none')
    .option('--ca <file>', 'PEM file with the certificate authority of the node')
    .addHelpText('after', NODE_HELP)
    .action((url: string | undefined, flags: NodeFlags) => runCommand(() => node(url, flags)))
  withOutputOptions(conformance.command('backend'))
    .description('check an LVSP backend: it connects to a node that the cases control')
    .argument('[command...]', 'the driver of the backend, after --')
    .option('--host <address>', 'address that the nodes listen on, and that the backend reaches', '127.0.0.1')
    .option('--tls', 'wss: the certificate is in the files PARLEY_CA, SSL_CERT_FILE and NODE_EXTRA_CA_CERTS', false)
    .option('--parallel <number>', 'cases at a time', count, 4)
    .option('--observe', 'give no commands; cases that need them are skipped', false)
    .addHelpText('after', BACKEND_HELP)
    .action((command: string[], flags: BackendFlags) => runCommand(() => backend(command, flags)))
}

/** Runs the cases and writes one report. The trace contains all cases, in the order of time. */
async function client(command: string[], flags: ClientFlags): Promise<void> {
  const { only, parallel, seed, legacyModes, voiceHost, trace, list } = flags
  if (list) {
    const { CLIENT_CASES } = await import('../../conformance/client/cases.ts')
    for (const { number, words, expected, meaning } of CLIENT_CASES)
      process.stdout.write(`${number.padEnd(32)} ${expected.padEnd(9)} ${words.padEnd(48)} ${meaning}\n`)
    return
  }
  needsDriver(command)
  const { runClient } = await import('../../conformance/client/run-client.ts')
  const lines = trace === undefined ? undefined : createWriteStream(trace)
  const traced = lines && ((event: TraceEvent) => void lines.write(`${traceLine(event)}\n`))
  const server = { voice: { legacy_modes: legacyModes }, voiceHost }
  const results = await runClient({ command, only, parallel, seed, server, ...(traced && { traced }) })
  lines?.end()
  finish(command.join(' '), results, flags)
}

async function node(url: string | undefined, flags: NodeFlags): Promise<void> {
  const { NODE_CASES, runNode } = await import('../../conformance/node/run-node.ts')
  if (flags.list) return listCases(NODE_CASES)
  if (url === undefined || !URL.canParse(url) || !/^wss?:$/.test(new URL(url).protocol))
    throw new ConfigError(`expected the ws: or wss: URL of LVSP, found ${url ?? 'nothing'}`)
  const { only, dialect, endpoint, ca } = flags
  const target = {
    url,
    secret: secretOf(flags),
    dialect,
    endpoint,
    ca: ca === undefined ? undefined : textOf('--ca', ca),
  }
  finish(url, await runNode({ target, only }), flags)
}

async function backend(command: string[], flags: BackendFlags): Promise<void> {
  const { BACKEND_CASES, runBackend } = await import('../../conformance/backend/run-backend.ts')
  if (flags.list) return listCases(BACKEND_CASES)
  needsDriver(command)
  const { Driver } = await import('../../conformance/driver.ts')
  const { BACKEND_ANSWERS } = await import('../../conformance/backend/backend-under-test.ts')
  const { only, parallel, observe, host, tls } = flags
  await checkAddress(host)
  const certificate = tls ? selfSignedCertificate(Date.now(), [host]) : undefined
  const folder = mkdtempSync(join(tmpdir(), 'parley-conformance-'))
  try {
    const ca = join(folder, 'ca.pem')
    if (certificate) writeFileSync(ca, certificate.cert)
    const files = certificate && { PARLEY_CA: ca, SSL_CERT_FILE: ca, NODE_EXTRA_CA_CERTS: ca }
    const start = (environment: Readonly<Record<string, string>>) =>
      new Driver(BACKEND_ANSWERS, command, { ...environment, ...files })
    const place = { host, tls: certificate }
    finish(command.join(' '), await runBackend({ start, isDriven: !observe, only, parallel, place }), flags)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Throws a ConfigError unless nodes can listen on the address. */
async function checkAddress(host: string): Promise<void> {
  if (isIP(host) === 0) throw new ConfigError(`--host: expected an IP address, found ${host}`)
  if (/^[0.:]+$/.test(host))
    throw new ConfigError('--host: expected the address that the backend connects to, not a wildcard')
  const probe = createServer().listen(0, host)
  try {
    await once(probe, 'listening')
  } catch (error) {
    throw new ConfigError(`--host: cannot listen on ${host} (${(error as NodeJS.ErrnoException).code ?? error})`)
  } finally {
    probe.close()
  }
}

function needsDriver(command: readonly string[]): void {
  if (command.length === 0)
    throw new ConfigError('expected the command of a driver after --; docs/conformance.md describes it')
}

function secretOf({ secret, secretFile }: NodeFlags): string {
  if ((secret === undefined) === (secretFile === undefined))
    throw new ConfigError('expected either --secret or --secret-file')
  const text = secret ?? textOf('--secret-file', secretFile!).trim()
  if (text === '') throw new ConfigError('expected a secret that is not empty')
  return text
}

function textOf(option: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new ConfigError(`${option}: ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`)
  }
}
