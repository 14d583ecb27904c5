// `parley doctor`: what is wrong with a node, its configuration and its machine, each with its fix.
import { availableParallelism } from 'node:os'
import type { Command } from 'commander'
import type { Status } from '../../admin/views.ts'
import type { Config } from '../../config/config.ts'
import type { Finding } from '../../doctor/check.ts'
import { diagnose } from '../../doctor/doctor.ts'
import { thisMachine } from '../../doctor/machine.ts'
import { outsideFindings } from '../../doctor/outside-checks.ts'
import { runningFindings } from '../../doctor/running-checks.ts'
import { type ConfigOptions, configFrom, withConfigOptions } from '../config-options.ts'
import { AdminClient, AdminError } from './admin-client.ts'

const HELP = `
Examples:
  $ parley doctor --config /etc/parley/parley.toml
  $ parley doctor --from voice.example.org:8443 --media 203.0.113.10:50000    # on another machine

--from checks a node from outside: DNS, TCP, certificate, clock, WebSocket and UDP. Exit codes: 0 no problems, 1 a check failed.`

interface DoctorOptions extends ConfigOptions {
  json?: boolean
  from?: string
  media?: string
  offline?: boolean
}

export function register(program: Command): void {
  withConfigOptions(program.command('doctor'))
    .description('find what is wrong with a node, and how to correct it')
    .option('--json', 'print a list of {check, ok, problem, fix}')
    .option('--from <endpoint>', 'check a node from this machine, by its endpoint')
    .option('--media <address:port>', 'with --from: where its media is (default: the host of the endpoint, port 50000)')
    .option('--offline', 'without DNS and the running node')
    .addHelpText('after', HELP)
    .action(run)
}

async function run(options: DoctorOptions): Promise<void> {
  const findings = options.from === undefined ? await fromHere(options) : await fromOutside(options.from, options.media)
  process.stdout.write(options.json === true ? `${JSON.stringify(findings, undefined, 2)}\n` : textOf(findings))
  if (findings.some(({ ok }) => !ok)) process.exitCode = 1
}

/** The configuration and this machine first; the running node only if the configuration can be read. */
async function fromHere(options: DoctorOptions): Promise<readonly Finding[]> {
  const isOnline = options.offline !== true
  const { findings, config } = await diagnose(() => configFrom(options), machineOf, isOnline)
  if (config === undefined || !isOnline) return findings
  const subject = { config, machine: machineOf(config), tls: undefined }
  return [...findings, ...(await runningFindings(subject, await statusOf(config)))]
}

export const machineOf = ({ media: { engine, lanes } }: Config) =>
  thisMachine(engine, lanes ?? Math.max(1, availableParallelism() - 1))

/** Of the running node; the sentence of the error if it does not answer. */
async function statusOf({ admin: { socket } }: Config): Promise<Status | string | undefined> {
  if (socket === undefined) return undefined
  try {
    return (await new AdminClient({ socket }).get('/v1/status')) as Status
  } catch (error) {
    if (error instanceof AdminError) return error.message
    throw error
  }
}

const MEDIA_PORT = 50_000

/** `from` is `host:port` or a URL; `ws://` is for nodes without TLS. Needs no configuration. */
function fromOutside(from: string, media: string | undefined): Promise<readonly Finding[]> {
  const isTls = !from.startsWith('ws://')
  const url = new URL(from.includes('://') ? from : `wss://${from}`)
  const host = unbracketed(url.hostname)
  const { hostname, port } = new URL(`udp://${media ?? `${url.hostname}:${MEDIA_PORT}`}`)
  const place = { host: unbracketed(hostname), port: Number(port) || MEDIA_PORT }
  return outsideFindings({ endpoint: url.host, host, media: place, isTls }, Date.now())
}

const unbracketed = (host: string) => host.replace(/^\[|\]$/g, '')

function textOf(findings: readonly Finding[]): string {
  const lines = findings.map(({ check, ok, problem, fix }) =>
    ok ? `ok       ${check}` : `PROBLEM  ${check}: ${problem}\n         fix: ${fix}`,
  )
  const failed = findings.filter(({ ok }) => !ok).length
  return `${lines.join('\n')}\n\n${failed === 0 ? 'No problems found.' : `${failed} of ${findings.length} checks failed.`}\n`
}
