// Runs a script on another version of Node.js, which is installed from npm once: `node scripts/on-node.mjs 24 test/run.mjs fast`.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const [version, ...command] = process.argv.slice(2)
if (!/^\d+(\.\d+)*$/.test(version ?? '') || command.length === 0) {
  console.error('usage: node scripts/on-node.mjs VERSION SCRIPT [ARGUMENT…]')
  process.exit(2)
}

const root = fileURLToPath(new URL('..', import.meta.url))
const pack = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
const folder = join(root, '.cache', `node-${version}`)
const binary = join(folder, 'node_modules', pack, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')

if (!existsSync(binary)) {
  mkdirSync(folder, { recursive: true })
  const npm = ['install', '--silent', '--no-save', '--no-package-lock', '--prefix', folder, `${pack}@${version}`]
  const { status } = spawnSync('npm', npm, { stdio: 'inherit', shell: process.platform === 'win32' })
  if (status !== 0) process.exit(status ?? 1)
}
console.log(spawnSync(binary, ['--version'], { encoding: 'utf8' }).stdout.trim())
const { status, signal } = spawnSync(binary, command, { cwd: root, stdio: 'inherit' })
if (signal !== null) console.error(`ended by ${signal}`)
process.exitCode = status ?? 1
