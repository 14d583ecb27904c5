// A certificate as a file that other programs trust: libraries without an option for it read a path when they start.
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Returns its path, in a folder of its own. The file is readable by all users; the key stays in memory. */
export function writeCertificate(cert: string | Buffer): string {
  const folder = mkdtempSync(join(tmpdir(), 'parley-'))
  chmodSync(folder, 0o755)
  const path = join(folder, 'certificate.pem')
  writeFileSync(path, cert, { mode: 0o644, flag: 'wx' })
  chmodSync(path, 0o644)
  return path
}
