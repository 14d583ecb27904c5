// `parley doctor`: all checks of a configuration and its machine.
import type { Config } from '../config/config.ts'
import { ConfigError } from '../config/config-error.ts'
import { readTls } from '../net/tls.ts'
import { ACME_CHECKS } from './acme-checks.ts'
import { ADDRESS_CHECKS } from './address-checks.ts'
import { CERTIFICATE_CHECKS } from './certificate-checks.ts'
import { type Check, type Finding, findingsOf, runChecks } from './check.ts'
import type { Machine } from './machine.ts'
import { MACHINE_CHECKS } from './machine-checks.ts'

/** Checks that need neither the network nor a running node. `parley check-config` runs them too. */
const OFFLINE_CHECKS: readonly Check[] = [
  ...CERTIFICATE_CHECKS,
  ...ACME_CHECKS,
  ...ADDRESS_CHECKS.filter(({ name }) => name !== 'endpoint-resolves'),
  ...MACHINE_CHECKS,
]

/** All checks of the table in docs/operating.md, in its order. */
export const CHECKS: readonly Pick<Check, 'name' | 'summary'>[] = [
  { name: 'configuration', summary: 'The configuration is valid.' },
  { name: 'certificate-files', summary: 'Certificate and key can be read and belong together.' },
  ...CERTIFICATE_CHECKS,
  ...ACME_CHECKS,
  ...ADDRESS_CHECKS,
  ...MACHINE_CHECKS,
  { name: 'running', summary: 'The node runs, answers at `admin.socket`, and does not drain.' },
  { name: 'certificate-renewal', summary: 'The last attempt of the node to obtain its certificate succeeded.' },
  { name: 'backends', summary: 'Each backend is connected.' },
  {
    name: '…-from-here',
    summary:
      'The checks of `--from`, from this machine: a NAT without hairpinning fails them although clients outside have no problem.',
  },
]

export interface Diagnosis {
  readonly findings: readonly Finding[]
  /** Undefined if the configuration is invalid. */
  readonly config: Config | undefined
}

/** `load` returns the configuration or throws a `ConfigError`; without `isOnline` nothing is resolved or connected. */
export async function diagnose(
  load: () => Config,
  machineOf: (config: Config) => Machine,
  isOnline: boolean,
): Promise<Diagnosis> {
  const config = attempt(load)
  if (typeof config === 'string') return { findings: invalid('configuration', config), config: undefined }
  const tls = attempt(() => readTls(config))
  const certificate = typeof tls === 'string' ? invalid('certificate-files', tls) : findingsOf('certificate-files', [])
  const checks = isOnline
    ? [...OFFLINE_CHECKS, ...ADDRESS_CHECKS.filter(({ name }) => name === 'endpoint-resolves')]
    : OFFLINE_CHECKS
  const subject = { config, machine: machineOf(config), tls: typeof tls === 'string' ? undefined : tls }
  const found = await runChecks(checks, subject)
  return { findings: [...findingsOf('configuration', []), ...certificate, ...found], config }
}

/** The value, or the sentence of a `ConfigError`. */
function attempt<T>(read: () => T): T | string {
  try {
    return read()
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
}

const invalid = (check: string, problem: string) =>
  findingsOf(check, [{ problem, fix: 'correct the setting that the sentence names' }])
