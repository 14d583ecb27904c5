// From answers and machine to the files that `parley setup` writes. Changes nothing.
import { isIP } from 'node:net'
import { join, resolve } from 'node:path'
import { ConfigError } from '../config/config-error.ts'
import { nodeCrypto } from '../crypto.ts'
import { isPrivate } from '../doctor/endpoint.ts'
import { SERVER_LIMITS } from '../limits.ts'
import type { Answers } from './answers.ts'
import { type CertificateSource, configText, type Placement } from './config-text.ts'
import type { Written } from './next-steps.ts'
import type { Surroundings } from './surroundings.ts'
import { unitText } from './unit.ts'
import type { PlannedFile } from './written-files.ts'

/** Flags that override what the machine suggests. */
export interface SetupWishes {
  readonly port?: number | undefined
  readonly email?: string | undefined
  /** Directory of a certificate authority other than Let's Encrypt, and the CA certificates that verify it. */
  readonly acmeDirectory?: string | undefined
  readonly acmeCa?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** User of the node. */
  readonly user?: string | undefined
  readonly unit?: string | undefined
}

export interface SetupPlan {
  readonly placement: Placement
  readonly files: readonly PlannedFile[]
  readonly written: Written
  readonly user: string
}

const SYSTEM_UNIT = '/etc/systemd/system/parley.service'
const SYSTEM_STORAGE = '/var/lib/parley/acme'
const SYSTEM_SOCKET = '/run/parley/admin.sock'
const LVSP_PORT = 8_444

/** Throws a `ConfigError` if the answers do not fit together. */
export function planSetup(answers: Answers, machine: Surroundings, wishes: SetupWishes): SetupPlan {
  const folder = resolve(answers.folder)
  const { installedPort } = machine
  const usedPorts = machine.usedPorts.filter(port => port !== installedPort)
  const isInstalled = machine.isRoot && machine.hasSystemd && wishes.unit === undefined
  const user = wishes.user ?? (isInstalled ? 'parley' : machine.user)
  const written: Written = {
    config: join(folder, 'parley.toml'),
    secret: join(folder, 'lvsp.secret'),
    unit: wishes.unit ?? (isInstalled ? SYSTEM_UNIT : join(folder, 'parley.service')),
    isInstalled,
  }
  const placement: Placement = {
    port: wishes.port ?? installedPort ?? (usedPorts.includes(443) ? 8_443 : 443),
    lvspPort: answers.backend === 'litecord' ? LVSP_PORT : undefined,
    certificate: certificateOf(answers, wishes, isInstalled ? SYSTEM_STORAGE : join(folder, 'acme')),
    adminSocket: isInstalled ? SYSTEM_SOCKET : join(folder, 'admin.sock'),
    secretFile: written.secret,
  }
  if (usedPorts.includes(placement.port))
    throw new ConfigError(`TCP port ${placement.port} is in use: choose another one with --port`)
  return { placement, user, written, files: filesOf(answers, machine, placement, written, user) }
}

function certificateOf({ host }: Answers, wishes: SetupWishes, storage: string): CertificateSource {
  const { cert, key, email, acmeDirectory: directory, acmeCa } = wishes
  if ((cert === undefined) !== (key === undefined)) throw new ConfigError('expected both --cert and --key, or neither')
  if (cert !== undefined && key !== undefined) return { kind: 'files', cert: resolve(cert), key: resolve(key) }
  if (directory === undefined && isIP(host) !== 0 && isPrivate(host))
    throw new ConfigError(
      `${host} is a private address, for which no public authority issues certificates: use a domain name, --cert and --key, or --acme-directory of your own authority`,
    )
  return { kind: 'acme', email, directory, ca: acmeCa === undefined ? undefined : resolve(acmeCa), storage }
}

function filesOf(
  answers: Answers,
  machine: Surroundings,
  placement: Placement,
  { config, secret, unit }: Written,
  user: string,
): PlannedFile[] {
  return [
    {
      path: secret,
      text: `${nodeCrypto.randomToken(SERVER_LIMITS.strongSecret)}\n`,
      mode: 0o600,
      isKept: true,
      isOfService: true,
    },
    { path: config, text: configText(answers, machine, placement), mode: 0o644, isOfService: true },
    {
      path: unit,
      text: unitText({ command: machine.command, config, user }, '# Written by parley setup.\n'),
      mode: 0o644,
      isOfService: false,
    },
  ]
}
