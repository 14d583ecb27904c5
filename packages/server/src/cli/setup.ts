// `parley setup`: from three answers to a configuration, a secret and a unit of systemd.
import { realpathSync } from 'node:fs'
import { stdin, stdout } from 'node:process'
import { createInterface } from 'node:readline/promises'
import { type Command, InvalidArgumentError } from 'commander'
import { loadConfig } from '../config/config.ts'
import { ConfigError } from '../config/config-error.ts'
import { type Answers, type Ask, askFor, backendOf, hostOf } from '../setup/answers.ts'
import { nextSteps } from '../setup/next-steps.ts'
import { createUser, idsOf } from '../setup/service-user.ts'
import { planSetup, type SetupPlan, type SetupWishes } from '../setup/setup-plan.ts'
import { installedPort, likelyHost, surroundings } from '../setup/surroundings.ts'
import { type FileFate, fateOf, writePlanned } from '../setup/written-files.ts'
import { publicAddress, STUN_SERVERS } from '../stun/public-address.ts'
import { runCommand } from './config-options.ts'

const HELP = `
Examples:
  $ sudo parley setup                                              # asks three questions
  $ sudo parley setup --host voice.example.org --backend spacebar --yes
  $ parley setup --host 203.0.113.10 --dry-run                     # shows what would be written

Writes the configuration, a secret (mode 0600) and a unit of systemd, and prints what is left to do. It asks before it replaces
a file, and never replaces a secret. Exit codes: 0 written, 2 an answer cannot be used, or files would be replaced with --yes.`

interface SetupFlags extends SetupWishes {
  host?: string
  backend?: string
  folder?: string
  yes?: boolean
  dryRun?: boolean
  force?: boolean
  stun: string[] | boolean
}

export function register(program: Command): void {
  program
    .command('setup')
    .description('write the configuration of a node for this machine')
    .option('--host <name>', 'domain name or public IP address of this machine')
    .option('--backend <kind>', 'spacebar, litecord, or lvsp for another backend')
    .option('--folder <path>', 'where the configuration goes (default: /etc/parley, or ./parley without root)')
    .option('-y, --yes', 'ask nothing: flags and defaults are the answers')
    .option('--dry-run', 'print the files instead of writing them')
    .option('--force', 'with --yes: replace files, and keep the old ones as .old')
    .option('-p, --port <port>', 'TCP port of the node (default: 443, or 8443 if that is in use)', port)
    .option('--email <address>', 'where the certificate authority may send warnings')
    .option('--cert <file>', 'certificate chain, instead of one from Let’s Encrypt')
    .option('--key <file>', 'its private key')
    .option('--acme-directory <url>', 'directory of a certificate authority other than Let’s Encrypt')
    .option('--acme-ca <file>', 'CA certificates that verify that server')
    .option('--user <name>', 'user of the node (default: parley, which is created, or this user without root)')
    .option('--unit <file>', 'where the unit goes (default: /etc/systemd/system/parley.service as root)')
    .option<string[] | boolean>(
      '--stun <server…>',
      'STUN server to learn the public address from; can be repeated',
      list,
    )
    .option('--no-stun', 'do not ask a STUN server')
    .addHelpText('after', HELP)
    .action((flags: SetupFlags) => runCommand(() => setup(flags)))
}

async function setup(flags: SetupFlags): Promise<void> {
  const servers = Array.isArray(flags.stun) ? flags.stun : flags.stun ? STUN_SERVERS : []
  const command = [process.execPath, realpathSync(process.argv[1] ?? '')]
  const machine = await surroundings(await publicAddress(servers), command)
  const given: Partial<Answers> = {
    ...(flags.host !== undefined && { host: hostOf(flags.host) }),
    ...(flags.backend !== undefined && { backend: backendOf(flags.backend) }),
    ...(flags.folder !== undefined && { folder: flags.folder }),
  }
  const defaults: Answers = {
    host: likelyHost(machine),
    backend: 'lvsp',
    folder: machine.isRoot ? '/etc/parley' : './parley',
  }
  const dialogue = new Dialogue()
  try {
    const answers = await askFor(given, defaults, flags.yes === true ? byDefault : dialogue.ask)
    const plan = planSetup(answers, { ...machine, installedPort: installedPort(answers.folder) }, flags)
    if (flags.dryRun === true) return show(plan)
    await confirm(plan, flags, dialogue)
    const fates = plan.files.map(file => `${file.path}: ${FATES[fateOf(file)]}, mode ${file.mode.toString(8)}`)
    write(plan)
    stdout.write(`${fates.join('\n')}\n\n${nextSteps(answers, machine, plan.placement, plan.written)}\n`)
  } finally {
    dialogue.close()
  }
}

const byDefault: Ask = async (_, fallback, accept) => accept(fallback)

/** Questions on the terminal, or answers from a pipe, a line each. */
class Dialogue {
  readonly #lines = createInterface({ input: stdin, terminal: false })
  readonly #answers = this.#lines[Symbol.asyncIterator]()

  readonly ask: Ask = async (question, fallback, accept) => {
    for (;;) {
      const answer = await this.line(`${question}${fallback === '' ? '' : ` [${fallback}]`}\n> `)
      try {
        return accept(answer.trim() === '' ? fallback : answer)
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error
        stdout.write(`${error.message}\n`)
      }
    }
  }

  /** Throws a `ConfigError` at the end of the input. */
  async line(question: string): Promise<string> {
    stdout.write(question)
    const { value, done } = await this.#answers.next()
    if (done === true) throw new ConfigError('expected an answer, found the end of the input; --yes takes the defaults')
    return value
  }

  close(): void {
    this.#lines.close()
  }
}

/** Throws a `ConfigError` if the operator does not agree to replace files. */
async function confirm({ files }: SetupPlan, { yes, force }: SetupFlags, dialogue: Dialogue): Promise<void> {
  const replaced = files.filter(file => fateOf(file) === 'replaced').map(({ path }) => path)
  if (replaced.length === 0 || force === true) return
  const paths = replaced.join(' and ')
  if (yes === true) throw new ConfigError(`${paths} would be replaced: use --force, which keeps the old files as .old`)
  const answer = await dialogue.line(`Replace ${paths}? The old files are kept as .old. [y/N]\n> `)
  if (!/^y(es)?$/i.test(answer.trim())) throw new ConfigError('nothing was written')
}

function write({ files, user, written }: SetupPlan): void {
  if (written.isInstalled && idsOf(user) === undefined) createUser(user)
  writePlanned(files, process.getuid?.() === 0 ? idsOf(user) : undefined)
  // What was written has to be accepted by the node.
  loadConfig({ file: written.config })
}

const FATES: Readonly<Record<FileFate, string>> = {
  new: 'written',
  replaced: 'written; the old one is .old',
  unchanged: 'unchanged',
  kept: 'kept as it was',
}

function show({ files }: SetupPlan): void {
  for (const file of files) {
    const text = file.mode === 0o600 ? '(a random secret)\n' : file.text
    stdout.write(`--- ${file.path}: ${FATES[fateOf(file)]}\n${text}\n`)
  }
}

function port(text: string): number {
  const number = Number(text)
  if (/^\d{1,5}$/.test(text) && number > 0 && number <= 65_535) return number
  throw new InvalidArgumentError('Expected a port from 1 to 65535.')
}

const list = (server: string, before: string[] | boolean | undefined) => [
  ...(Array.isArray(before) ? before : []),
  server,
]
