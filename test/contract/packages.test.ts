import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { selfSignedCertificate } from '@parley/server'
import { Consumer, PACKAGES, ROOT, run } from './consumer.ts'

const ENTRIES = [
  '@parley/protocol',
  '@parley/core',
  '@parley/client',
  '@parley/client/sessions',
  '@parley/client/browser',
  '@parley/client/dave-worker',
  '@parley/spacebar',
  '@parley/server',
]
const OF_REPOSITORY = /https:\/\/github\.com\/parley-voice\/parley\/(?:blob|tree)\/main\/([^)#\s]+)/g
const BLOCK = /^```(\w+)\n([\s\S]*?)^```$/gm

const SECRET = 'a secret of this test, 32 characters'
/** A node with a lane on a thread. */
const THREAD = `
[http]
listen = "127.0.0.1:0"
[media]
listen = "127.0.0.1"
port = 0
lanes = 1
[log]
format = "json"
[[backend]]
id = "main"
secret = "${SECRET}"
`

interface Block {
  language: string
  text: string
}
interface Example {
  name: string
  text: string
  /** What the README says that it prints. */
  output: string
}

const installed = Consumer.install()
/** Skips the test where the consumer cannot be installed. */
const packaged = (name: string, body: (consumer: Consumer, t: TestContext) => void | Promise<void>) =>
  test(name, { timeout: 600_000 }, async t => {
    const consumer = await installed
    return typeof consumer === 'string' ? t.skip(consumer) : body(consumer, t)
  })

const manifestOf = (name: string) => JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8'))
const targetsOf = (value: unknown): string[] =>
  typeof value === 'string' ? [value.replace('./', '')] : Object.values(value ?? {}).flatMap(targetsOf)
const readmeOf = (consumer: Consumer, name: string) =>
  readFileSync(join(consumer.folder, 'node_modules/@parley', name, 'README.md'), 'utf8')
const blocksOf = (text: string): Block[] =>
  [...text.matchAll(BLOCK)].map(([, language = '', text = '']) => ({ language, text }))

/** The JavaScript of a README, each with the block of its output that follows it. */
function examplesOf(consumer: Consumer, name: string): Example[] {
  const blocks = blocksOf(readmeOf(consumer, name))
  return blocks.flatMap(({ language, text }, index) => {
    if (language !== 'js') return []
    const next = blocks[index + 1]
    return [{ name: `${name}-${index}`, text, output: next?.language === 'text' ? next.text : '' }]
  })
}

packaged('a package holds what its manifest names, its licence and README, and no sources, tests or maps', consumer => {
  for (const name of PACKAGES) {
    const files = consumer.files.get(`@parley/${name}`) ?? []
    const { exports, bin, repository, homepage, bugs, keywords } = manifestOf(name)
    const wanted = ['LICENSE', 'README.md', ...targetsOf(exports), ...targetsOf(bin)]
    assert.deepEqual(
      wanted.filter(file => !files.includes(file)),
      [],
      name,
    )
    assert.deepEqual(
      files.filter(file => /(^|\/)(src|testing)\/|\.test\.|\.map$|\.tsbuildinfo$/.test(file)),
      [],
      name,
    )
    assert.equal(repository.directory, `packages/${name}`)
    assert.ok(homepage && bugs && keywords.length > 0, `${name}: homepage, bugs, keywords`)
    const licence = readFileSync(join(ROOT, 'packages', name, 'LICENSE'), 'utf8')
    assert.equal(licence, readFileSync(join(ROOT, 'LICENSE'), 'utf8'), name)
  }
})

packaged('a README links to files that exist', consumer => {
  const links = PACKAGES.flatMap(name => [...readmeOf(consumer, name).matchAll(OF_REPOSITORY)].map(([, path]) => path!))
  assert.ok(links.length > 0)
  assert.deepEqual(
    links.filter(path => !existsSync(join(ROOT, path))),
    [],
  )
})

packaged('the declarations compile in a strict consumer, however it resolves modules', async consumer => {
  const imports = ENTRIES.map((entry, index) => `import * as entry${index} from '${entry}'`)
  const names = ENTRIES.map((_, index) => `entry${index}`)
  consumer.write('consumer.ts', `${imports.join('\n')}\nexport const all = [${names.join(', ')}]\n`)
  for (const options of [
    { module: 'node16' },
    { module: 'nodenext' },
    { module: 'esnext', moduleResolution: 'bundler' },
    // A condition of the consumer's own sources leads to no file of ours.
    { module: 'nodenext', customConditions: ['source'] },
  ])
    assert.equal(await consumer.compile(['consumer.ts'], options), '', JSON.stringify(options))
})

packaged('the sessions and the protocol compile in a browser project, without types of Node.js', async consumer => {
  consumer.write(
    'page.ts',
    ['client/sessions', 'client/browser', 'protocol']
      .map((entry, index) => `export * as entry${index} from '@parley/${entry}'\n`)
      .join(''),
  )
  const options = { module: 'esnext', moduleResolution: 'bundler', types: [], lib: ['es2023', 'dom'] }
  assert.equal(await consumer.compile(['page.ts'], options), '')
})

packaged('the examples of the READMEs compile, run, and print what the README says', async consumer => {
  const examples = PACKAGES.flatMap(name => examplesOf(consumer, name))
  assert.deepEqual([...new Set(examples.map(({ name }) => name.split('-')[0]))], [...PACKAGES])
  for (const { name, text } of examples) {
    consumer.write(`${name}.ts`, text)
    consumer.write(`${name}.mjs`, text)
  }
  const files = examples.map(({ name }) => `${name}.ts`)
  assert.equal(await consumer.compile(files, { module: 'nodenext' }), '')
  for (const { name, output } of examples) {
    const { code, stdout, stderr } = await consumer.node(`${name}.mjs`)
    assert.deepEqual({ name, code, stdout, stderr }, { name, code: 0, stdout: output, stderr: '' })
  }
})

packaged('the examples of doc comments compile', async consumer => {
  const declarations = [...consumer.files].flatMap(([name, files]) =>
    files.filter(file => file.endsWith('.d.ts')).map(file => join(consumer.folder, 'node_modules', name, file)),
  )
  const comments = declarations.flatMap(
    file => readFileSync(file, 'utf8').match(/\/\*\*(?:(?!\*\/)[\s\S])*@example[\s\S]*?\*\//g) ?? [],
  )
  const examples = comments.flatMap(comment => blocksOf(comment.replace(/^\s*\* ?/gm, '')))
  assert.ok(examples.length > 0)
  const files = examples.map(({ language, text }, index) => {
    assert.equal(language, 'ts')
    consumer.write(`comment-${index}.ts`, `${text}export {}\n`)
    return `comment-${index}.ts`
  })
  assert.equal(await consumer.compile(files, { module: 'nodenext' }), '')
})

packaged('the installed command prints its version, and checks the configuration of its README', async consumer => {
  const parley = join(consumer.folder, 'node_modules/@parley/server', manifestOf('server').bin.parley)
  const version = await consumer.node(parley, '--version')
  assert.deepEqual(version, { code: 0, stdout: `${manifestOf('server').version}\n`, stderr: '' })
  const toml = blocksOf(readmeOf(consumer, 'server')).find(({ language }) => language === 'toml')
  consumer.write('parley.toml', toml?.text ?? '')
  const checked = await consumer.node(parley, 'check-config', '--config', 'parley.toml')
  assert.equal(checked.code, 0, checked.stderr)
  assert.match(checked.stdout, /^listen = "127\.0\.0\.1:8443"$/m)
})

packaged(
  'the installed command is bundled: a call on a lane thread, a test server, the licences',
  async (consumer, t) => {
    const parley = join(consumer.folder, 'node_modules/@parley/server', manifestOf('server').bin.parley)
    const dev = await consumer.node(parley, 'dev', '--json', '--duration', '10ms')
    assert.deepEqual({ code: dev.code, stderr: dev.stderr }, { code: 0, stderr: '' })
    assert.match(dev.stdout, /^\{"rest":.*\}\n$/)
    consumer.write('parley-thread.toml', THREAD)
    const serve = spawn(process.execPath, [parley, 'serve', '--config', 'parley-thread.toml'], { cwd: consumer.folder })
    t.after(() => serve.kill('SIGKILL'))
    const log = createInterface({ input: serve.stdout })
    let lvsp = ''
    for await (const line of log) {
      lvsp = /"endpoint":"([^"]+)".*"node.started"/.exec(line)?.[1] ?? ''
      if (lvsp !== '') break
    }
    const target = [`ws://${lvsp}/lvsp`, '--secret', SECRET]
    const media = await consumer.node(parley, 'conformance', 'node', ...target, '--only', 'media-aead')
    assert.deepEqual({ code: media.code, stderr: media.stderr }, { code: 0, stderr: '' }, media.stdout)
    assert.match(media.stdout, /: 2 passed, 0 failed\n$/)
    serve.kill('SIGTERM')
    const [code] = await once(serve, 'exit')
    assert.equal(code, 0)
    const licences = readFileSync(
      join(consumer.folder, 'node_modules/@parley/server/dist/bundle/third-party.txt'),
      'utf8',
    )
    for (const name of ['ws', 'zod', 'pino', 'commander'])
      assert.match(licences, new RegExp(`^${name} \\d.*: MIT$`, 'm'))
  },
)

packaged('a checkout without development dependencies runs the build', async consumer => {
  const server = 'node_modules/@parley/server'
  mkdirSync(join(consumer.folder, server, 'src/cli'), { recursive: true })
  consumer.write(`${server}/src/cli/main.ts`, "throw new Error('the source runs')\n")
  const { code, stderr } = await consumer.node(`${server}/bin/parley.mjs`, '--version')
  rmSync(join(consumer.folder, server, 'src'), { recursive: true })
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
})

packaged('an installed server forwards a call on lane threads, and serves the playground', async consumer => {
  consumer.write('call.mjs', readFileSync(new URL('installed-call.mjs', import.meta.url), 'utf8'))
  const { code, stdout, stderr } = await consumer.node('call.mjs')
  assert.deepEqual(
    { code, stdout, stderr },
    { code: 0, stdout: 'lanes: 2\nframe: 78010203\npage: 200\nscript: 200\nwasm: 200 application/wasm\n', stderr: '' },
  )
})

packaged('the DAVE worker for web pages loads its library, alone and without dependencies', async consumer => {
  consumer.write('dave-worker.mjs', readFileSync(new URL('installed-dave-worker.mjs', import.meta.url), 'utf8'))
  const { code, stdout, stderr } = await consumer.node('dave-worker.mjs')
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '{"kind":"loaded","version":1}\n', stderr: '' })
  const script = join(consumer.folder, 'node_modules/@parley/client/dist/dave-worker.js')
  assert.doesNotMatch(readFileSync(script, 'utf8'), /^\s*import[\s{*]/m)
})

packaged(
  'npm install --global has the command, whose setup writes a unit that starts the node',
  async (consumer, t) => {
    if (process.platform === 'win32') return t.skip('there is no systemd')
    const parley = await consumer.installGlobally()
    const etc = join(consumer.folder, 'etc')
    const where = ['--folder', etc, '--unit', join(etc, 'parley.service'), '--port', '18443', '--no-stun']
    // A certificate of its own: no authority can be reached from here.
    const { cert, key } = selfSignedCertificate()
    consumer.write('cert.pem', cert)
    consumer.write('key.pem', key)
    const files = ['--cert', join(consumer.folder, 'cert.pem'), '--key', join(consumer.folder, 'key.pem')]
    const flags = ['--yes', '--host', 'localhost.example.org', '--backend', 'lvsp', ...where, ...files]
    const setup = await run(parley, ['setup', ...flags], consumer.folder)
    assert.equal(setup.code, 0, setup.stderr)
    const unit = readFileSync(join(etc, 'parley.service'), 'utf8')
    const commands = [...unit.matchAll(/^ExecStart(?:Pre)?=(.+)$/gm)].map(([, command = '']) => command.split(' '))
    assert.equal(commands.length, 2)
    for (const [program = '', file = ''] of commands) {
      assert.equal(program, process.execPath)
      assert.match(file, /\/global\/lib\/node_modules\/@parley\/server\/bin\/parley\.mjs$/)
    }
    const [[before = '', ...check] = [], [program = '', ...serve] = []] = commands
    const checked = await run(before, check, consumer.folder)
    assert.equal(checked.code, 0, checked.stderr)
    assert.match(checked.stdout, /endpoint = "localhost\.example\.org:18443"/)
    // What the unit runs, on ports of this test.
    const ports = ['--set', 'http.listen=127.0.0.1:0', '--set', 'media.port=0', '--set', 'log.format=json']
    const node = spawn(program, [...serve, ...ports], { cwd: consumer.folder, stdio: ['ignore', 'pipe', 'inherit'] })
    t.after(() => node.kill('SIGKILL'))
    let log = ''
    for await (const chunk of node.stdout) {
      log += chunk
      if (log.includes('"event":"node.started"')) break
    }
    assert.match(log, /"event":"node\.started"/)
    node.kill('SIGTERM')
    const [code] = node.exitCode === null ? await once(node, 'exit') : [node.exitCode]
    assert.equal(code, 0)
  },
)

const missingDpkg = spawnSync('dpkg-deb', ['--version']).error !== undefined

test('a Debian package has the command, the unit, and the user of the node', { timeout: 600_000 }, async t => {
  const consumer = await installed
  if (typeof consumer === 'string') return t.skip(consumer)
  if (missingDpkg && process.env.CI !== 'true') return t.skip('dpkg-deb is not installed')
  const built = await run(join(ROOT, 'scripts/make-deb.sh'), [consumer.folder, ...consumer.tarballs], ROOT)
  assert.equal(built.code, 0, built.stderr)
  const { version } = manifestOf('server')
  const file = built.stdout.trim()
  assert.match(file, new RegExp(`/parley_${version}_\\w+\\.deb$`))
  const root = join(consumer.folder, 'deb')
  assert.equal((await run('dpkg-deb', ['--raw-extract', file, root], ROOT)).code, 0)
  const printed = await run(join(root, 'usr/bin/parley'), ['--version'], root)
  assert.deepEqual(printed, { code: 0, stdout: `${version}\n`, stderr: '' })
  const unit = readFileSync(join(root, 'usr/lib/systemd/system/parley.service'), 'utf8')
  assert.equal(unit, readFileSync(join(ROOT, 'deploy/systemd/parley.service'), 'utf8'))
  assert.match(readFileSync(join(root, 'DEBIAN/control'), 'utf8'), /^Depends: nodejs \(>= 20\.19\)$/m)
  assert.match(readFileSync(join(root, 'DEBIAN/postinst'), 'utf8'), /useradd --system --user-group/)
  assert.equal((await run('sh', ['-n', join(root, 'DEBIAN/postinst')], root)).code, 0)
})
