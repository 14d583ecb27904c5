// A consumer of the packages: builds and packs them, and installs the tarballs into an empty folder, without development dependencies.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const PACKAGES = ['protocol', 'core', 'client', 'spacebar', 'server'] as const
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc')
const NO_NETWORK = /\b(ENOTFOUND|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|ECONNREFUSED|ECONNRESET|ETIMEDOUT)\b/

export interface Finished {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs a program to its end; a program that cannot be started has no exit code. */
export function run(file: string, args: readonly string[], cwd: string): Promise<Finished> {
  return new Promise(resolve => {
    const child = execFile(file, args, { cwd, encoding: 'utf8', shell: file === 'npm' && process.platform === 'win32' })
    const finished: Finished = { code: null, stdout: '', stderr: '' }
    child.stdout?.on('data', text => {
      finished.stdout += text
    })
    child.stderr?.on('data', text => {
      finished.stderr += text
    })
    child.on('error', error => resolve({ ...finished, stderr: String(error) }))
    child.on('close', code => resolve({ ...finished, code }))
  })
}

async function npm(args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await run('npm', args, cwd)
  if (code !== 0) throw new Error(`npm ${args.join(' ')} failed (${code}):\n${stdout}${stderr}`)
  return stdout
}

/** What `npm pack --json` prints of one package. */
interface Packed {
  name: string
  filename: string
  files: { path: string }[]
}

export class Consumer {
  /** Holds the `node_modules`. */
  readonly folder: string
  /** The files of each tarball, by package name. */
  readonly files: ReadonlyMap<string, readonly string[]>
  readonly tarballs: readonly string[]

  private constructor(folder: string, packed: readonly Packed[]) {
    this.folder = folder
    this.files = new Map(packed.map(({ name, files }) => [name, files.map(({ path }) => path)]))
    this.tarballs = packed.map(({ filename }) => join(folder, filename))
  }

  /** A string says why there is none: the registry cannot be reached. In CI that is an error. */
  static async install(): Promise<Consumer | string> {
    const folder = mkdtempSync(join(tmpdir(), 'parley-consumer-'))
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
    await npm(['run', 'build'], ROOT)
    const workspaces = PACKAGES.flatMap(name => ['--workspace', `@parley/${name}`])
    const packed: Packed[] = JSON.parse(
      await npm(['pack', '--json', '--pack-destination', folder, ...workspaces], ROOT),
    )
    const tarballs = packed.map(({ filename }) => join(folder, filename))
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
    try {
      const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
      await npm(['install', '--omit=dev', ...quiet, ...tarballs, '@types/node@20'], folder)
    } catch (error) {
      if (process.env.CI !== undefined || !NO_NETWORK.test(String(error))) throw error
      return 'the npm registry cannot be reached'
    }
    return new Consumer(folder, packed)
  }

  /** Installs the tarballs as `npm install --global` does, below a prefix of its own. Returns the path of the command. */
  async installGlobally(): Promise<string> {
    const prefix = join(this.folder, 'global')
    const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
    await npm(['install', '--global', '--prefix', prefix, ...quiet, ...this.tarballs], this.folder)
    return join(prefix, process.platform === 'win32' ? 'parley.cmd' : 'bin/parley')
  }

  write(path: string, text: string): void {
    writeFileSync(join(this.folder, path), text)
  }

  node(...args: readonly string[]): Promise<Finished> {
    return run(process.execPath, args, this.folder)
  }

  /** Compiles files as a strict project of the consumer; returns what the compiler reports. */
  async compile(files: readonly string[], options: object): Promise<string> {
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      target: 'es2022',
      lib: ['es2023'],
      types: ['node'],
      noEmit: true,
      ...options,
    }
    this.write('tsconfig.json', JSON.stringify({ compilerOptions, files }))
    const { code, stdout, stderr } = await run(process.execPath, [TSC, '--project', '.'], this.folder)
    return code === 0 ? '' : stdout + stderr
  }
}
