// The system user that runs the node.
import { spawnSync } from 'node:child_process'
import { ConfigError } from '../config/config-error.ts'

/** User and group id; undefined if there is no such user. */
export function idsOf(user: string): { uid: number; gid: number } | undefined {
  const [uid, gid] = ['-u', '-g'].map(flag => {
    const { status, stdout } = spawnSync('id', [flag, user], { encoding: 'utf8' })
    return status === 0 ? Number(stdout) : undefined
  })
  return uid === undefined || gid === undefined ? undefined : { uid, gid }
}

/** Throws a `ConfigError` if it cannot be created. */
export function createUser(user: string): void {
  const args = ['--system', '--user-group', '--no-create-home', '--home-dir', '/var/lib/parley']
  const { status, stderr, error } = spawnSync('useradd', [...args, '--shell', '/usr/sbin/nologin', user], {
    encoding: 'utf8',
  })
  if (status === 0) return
  throw new ConfigError(`the user ${user} cannot be created: ${(error?.message ?? stderr).trim().split('\n')[0]}`)
}
