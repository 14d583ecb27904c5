// What ACME keeps on disk: the key of the account, and the certificate with its key and chain in one file, so that they change together.
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { acmeFile } from '../net/tls.ts'
import { keyText, newKey } from '../x509/certificates.ts'
import { AcmeError } from './protocol/acme-error.ts'
import type { Issued } from './protocol/issue.ts'

/** Files are readable by the user of the node only. */
export class AcmeStorage {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Created at the first use. Throws an `AcmeError` if the folder cannot be used. */
  accountKey(): KeyObject {
    const path = join(this.#folder, 'account-key.pem')
    try {
      return createPrivateKey(readFileSync(path, 'utf8'))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        throw new AcmeError(`${path} is not the key of an account (${(error as NodeJS.ErrnoException).code ?? error})`)
    }
    const { privateKey } = newKey()
    this.#write(path, keyText(privateKey))
    return privateKey
  }

  /** Replaces the stored certificate as a whole. Throws an `AcmeError`. */
  keep({ cert, key }: Issued): void {
    this.#write(acmeFile(this.#folder), `${key}${cert}`)
  }

  /** The file appears with all of its content, or not at all, also after a loss of power. */
  #write(path: string, text: string): void {
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
      const temporary = `${path}.new`
      const file = openSync(temporary, 'w', 0o600)
      try {
        // Not `writeSync`, which may write a part only, on a disk that is almost full.
        writeFileSync(file, text)
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      chmodSync(temporary, 0o600)
      renameSync(temporary, path)
    } catch (error) {
      throw new AcmeError(`acme.storage: ${path} cannot be written (${(error as NodeJS.ErrnoException).code ?? error})`)
    }
  }
}
