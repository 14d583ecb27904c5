// The certificate authority of a configuration, as `CertificateKeeper` uses it.
import { readFileSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import type { Authority, KeeperClock } from './certificate-keeper.ts'
import { AccountKey, type ExternalAccount } from './protocol/account-key.ts'
import { AcmeError } from './protocol/acme-error.ts'
import type { ChallengeResponder } from './protocol/challenge-responder.ts'
import { issue } from './protocol/issue.ts'
import { AcmeSession } from './protocol/session.ts'
import { AcmeStorage } from './storage.ts'

type Settings = Config['acme']

/** Files are read at each attempt, so that a mistake in them can be corrected without a restart. */
export function authorityOf(settings: Settings, responder: ChallengeResponder, clock: KeeperClock): Authority {
  const storage = new AcmeStorage(settings.storage)
  const session = (signal: AbortSignal) =>
    AcmeSession.open({
      directory: settings.directory,
      ca: settings.ca === undefined ? undefined : textOf('acme.ca', settings.ca),
      key: new AccountKey(storage.accountKey()),
      signal,
      sleep: time => clock.sleep(time, signal),
    })
  return {
    obtain: async (replaces, signal) => {
      const opened = await session(signal)
      await opened.openAccount({ email: settings.email, external: externalOf(settings) })
      return issue(opened, { names: settings.names, profile: settings.profile, replaces }, responder)
    },
    store: files => storage.keep(files),
    suggestion: async (id, signal) => {
      const found = await (await session(signal)).renewalInfo(id)
      if (found === undefined) return undefined
      const { start, end } = found.suggestedWindow
      return { start: Date.parse(start), end: Date.parse(end) }
    },
  }
}

function externalOf({ eab_key_id: keyId, eab_hmac_file: file }: Settings): ExternalAccount | undefined {
  if (keyId === undefined || file === undefined) return undefined
  return { keyId, hmacKey: textOf('acme.eab_hmac_file', file).trim() }
}

function textOf(key: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new AcmeError(`${key}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`)
  }
}
