// Mumble's server in a process of its own, with a database in a temporary folder.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { endWithUs } from '../../node/child.ts'
import { threadSeconds } from '../../node/thread-seconds.ts'

const PROGRAMS = ['/usr/sbin/murmurd', '/usr/sbin/mumble-server', '/usr/bin/mumble-server', '/usr/local/bin/murmurd']
export const SUPERUSER_PASSWORD = 'bench'
const START_TIMEOUT = 20_000

/** The path of the server, if it is installed. */
export const findMumble = (): string | undefined => PROGRAMS.find(existsSync)

export class MumbleServer {
  readonly port: number
  readonly #child: ChildProcess
  readonly #folder: string

  private constructor(port: number, child: ChildProcess, folder: string) {
    this.port = port
    this.#child = child
    this.#folder = folder
  }

  /** Starts it for `users` on a free port of 127.0.0.1. */
  static async start(program: string, users: number): Promise<MumbleServer> {
    const folder = mkdtempSync(join(tmpdir(), 'parley-mumble-'))
    const port = await freePort()
    const settings = join(folder, 'server.ini')
    writeFileSync(settings, settingsFor(folder, port, users))
    spawnSync(program, ['-ini', settings, '-supw', SUPERUSER_PASSWORD])
    const child = spawn(program, ['-fg', '-ini', settings], { stdio: 'ignore' })
    endWithUs(child)
    const server = new MumbleServer(port, child, folder)
    await server.#listening()
    return server
  }

  get pid(): number {
    return this.#child.pid!
  }

  threadSeconds(): number {
    return threadSeconds(this.pid)
  }

  async stop(): Promise<void> {
    const exited = new Promise(resolve => this.#child.once('exit', resolve))
    this.#child.kill('SIGTERM')
    await exited
    rmSync(this.#folder, { recursive: true })
  }

  async #listening(): Promise<void> {
    for (const end = performance.now() + START_TIMEOUT; performance.now() < end; await pause(50)) {
      if (this.#child.exitCode !== null) throw new Error('the Mumble server exited')
      if (await isListening(this.port)) return
    }
    throw new Error('the Mumble server does not listen')
  }
}

/** No limit of Mumble's may take effect: they are not what is measured. */
const settingsFor = (folder: string, port: number, users: number) => `
database=${folder}/mumble.sqlite
logfile=${folder}/mumble.log
pidfile=${folder}/mumble.pid
host=127.0.0.1
port=${port}
users=${users + 10}
bandwidth=600000
timeout=3600
autobanAttempts=0
messageburst=1000
messagelimit=1000
uname=${userInfo().username}
bonjour=False
rememberchannel=False
`

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

function isListening(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
