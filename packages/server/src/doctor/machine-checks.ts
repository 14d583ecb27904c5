// Checks of settings and of this machine: secrets, files, limits of the system, engine, clock.
import { SERVER_LIMITS } from '../limits.ts'
import type { Check, Problem, Subject } from './check.ts'

/** What the node requests for its UDP sockets. */
const UDP_BUFFER = 4 * 1024 * 1024
/** A voice connection takes one, and each listener, lane and log a few. */
const DESCRIPTORS = 4_096
const LOWEST_NODE: readonly [major: number, minor: number] = [20, 19]
/** When this was written: a clock before it is wrong, and TLS fails. */
const OLDEST_CLOCK = Date.UTC(2026, 0, 1)

const NONE: readonly Problem[] = []

/** Length is what can be judged without knowing how the secret was created. */
function secrets({ config }: Subject): readonly Problem[] {
  return config.backend
    .filter(({ secrets }) => secrets.some(secret => Buffer.byteLength(secret) < SERVER_LIMITS.strongSecret))
    .map(({ id }) => ({
      problem: `a secret of backend ${id} is shorter than ${SERVER_LIMITS.strongSecret} bytes and can be guessed`,
      fix: 'create one with: openssl rand -base64 32',
    }))
}

/** The sentences about files end in the command that corrects them. */
function fileModes({ config }: Subject): readonly Problem[] {
  return config.warnings.flatMap(warning => {
    const [, path = '', meaning = ''] =
      /^(.+) (can be read by every user of this machine): chmod 600$/.exec(warning) ?? []
    return path === '' ? [] : [{ problem: `${path} ${meaning}`, fix: `chmod 600 ${path}` }]
  })
}

/** The loader of the configuration has found them: a mistyped variable would be ignored silently. */
function unknownVariables({ config }: Subject): readonly Problem[] {
  return config.warnings
    .filter(warning => warning.startsWith('PARLEY_'))
    .map(problem => ({ problem, fix: 'correct the name of the variable, or remove it' }))
}

/** Only on Linux, where /proc has the limits. The kernel grants less than requested without an error. */
function udpBuffers({ machine }: Subject): readonly Problem[] {
  return ['rmem_max', 'wmem_max'].flatMap(name => {
    const size = Number(machine.read(`/proc/sys/net/core/${name}`) ?? Number.NaN)
    if (Number.isNaN(size) || size >= UDP_BUFFER) return []
    return [
      {
        problem: `net.core.${name} is ${size}: UDP sockets get less than the ${UDP_BUFFER} bytes that the node requests`,
        fix: `sysctl -w net.core.${name}=${UDP_BUFFER}, and the same in /etc/sysctl.d/`,
      },
    ]
  })
}

function descriptors({ machine }: Subject): readonly Problem[] {
  const [, soft] = /^Max open files\s+(\S+)/m.exec(machine.read('/proc/self/limits') ?? '') ?? []
  const limit = soft === undefined || soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft)
  if (limit >= DESCRIPTORS) return NONE
  return [
    {
      problem: `a process may have ${limit} open files, and each client takes one`,
      fix: 'set LimitNOFILE=65536 in the unit, or ulimit -n 65536',
    },
  ]
}

/** No problem where the portable engine was chosen, or is the only one. */
async function engine({ machine, config }: Subject): Promise<readonly Problem[]> {
  const choice = await machine.engine()
  if (typeof choice === 'string')
    return [
      {
        problem: `media.engine requires the ffi engine, which cannot run here: ${choice}`,
        fix: 'set media.engine = "auto", or install what is missing',
      },
    ]
  const isIntended = config.media.engine === 'portable' || config.media.lanes === 0 || machine.platform !== 'linux'
  if (choice.engine === 'ffi' || isIntended) return NONE
  return [
    {
      problem: `the portable engine would run, at two to three times the CPU time: ${choice.reason}`,
      fix: 'install Parley with its optional dependencies (npm install without --omit=optional)',
    },
  ]
}

/** The ffi engine runs without it, with the AEADs of OpenSSL. */
async function sodium({ machine }: Subject): Promise<readonly Problem[]> {
  const choice = await machine.engine()
  if (typeof choice === 'string' || choice.engine !== 'ffi' || choice.aead === 'libsodium') return NONE
  return [
    {
      problem: 'libsodium cannot be used, so that each packet costs more CPU time',
      fix: 'install libsodium (libsodium23 on Debian and Ubuntu); without AES instructions of the processor ignore this',
    },
  ]
}

function clock({ machine: { now } }: Subject): readonly Problem[] {
  if (now >= OLDEST_CLOCK) return NONE
  return [
    {
      problem: `the clock of this machine says ${new Date(now).toISOString()}`,
      fix: 'synchronize it (timedatectl set-ntp true): certificates are not valid at that time',
    },
  ]
}

/** The lowest version of `engines` in package.json. */
function nodeVersion({ machine }: Subject): readonly Problem[] {
  const [major = 0, minor = 0] = machine.nodeVersion.split('.').map(Number)
  if (major > LOWEST_NODE[0] || (major === LOWEST_NODE[0] && minor >= LOWEST_NODE[1])) return NONE
  return [
    { problem: `Node.js ${machine.nodeVersion} is too old`, fix: `install Node.js ${LOWEST_NODE.join('.')} or later` },
  ]
}

function drainTime({ config }: Subject): readonly Problem[] {
  if (config.voice.drain_timeout > 0) return NONE
  return [
    {
      problem: 'voice.drain_timeout is 0s: a stop cuts all calls at once',
      fix: 'set it to at least 5s, so that backends can move them',
    },
  ]
}

/** In the order of docs/operating.md. */
export const MACHINE_CHECKS: readonly Check[] = [
  { name: 'secret-strength', summary: 'Secrets of backends cannot be guessed.', run: secrets },
  { name: 'file-modes', summary: 'Only the user of the node can read secrets and keys.', run: fileModes },
  { name: 'environment', summary: 'Each `PARLEY_` variable is a setting.', run: unknownVariables },
  { name: 'drain-time', summary: 'A stop leaves time to move calls.', run: drainTime },
  { name: 'node-version', summary: 'Node.js is recent enough.', run: nodeVersion },
  { name: 'clock', summary: 'The clock is plausible.', run: clock },
  { name: 'udp-buffers', summary: 'The system grants large UDP buffers.', run: udpBuffers },
  { name: 'file-descriptors', summary: 'The limit of open files is high enough.', run: descriptors },
  { name: 'engine', summary: 'The faster packet engine runs.', run: engine },
  { name: 'libsodium', summary: 'libsodium seals and opens packets.', run: sodium },
]
