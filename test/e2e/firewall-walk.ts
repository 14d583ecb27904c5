// A browser behind a firewall that lets only TCP 443 out, in a network namespace of its own; this process and the node are in another one.
// The browser loads the playground and joins a call with a Discord client. Prints what was seen as JSON.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { VoiceClient } from '@parley/client'
import { createDemoBackend, createServer, selfSignedCertificate } from '@parley/server'
import { openChromiumBy } from './chromium.ts'
import { Tab } from './playground-tab.ts'
import { count, talk } from './talking.ts'
import { until, untilFits } from './until.ts'

const NODE = '203.0.113.10'
const BROWSER = '203.0.113.20'
/** More energy than a decoder generates without packets. */
const AUDIBLE = 0.0005

/** The browser's firewall; it counts the UDP packets that it drops. */
const RULES = `table inet firewall {
  counter blocked_udp {}
  chain output {
    type filter hook output priority 0; policy drop;
    oifname "lo" accept
    tcp dport 443 accept
    meta l4proto udp counter name blocked_udp drop
  }
  chain input {
    type filter hook input priority 0; policy drop;
    iifname "lo" accept
    tcp sport 443 accept
  }
}
`

const cleanups: (() => unknown)[] = []
const t = { after: (clean: () => unknown) => void cleanups.unshift(clean) } as TestContext

function run(command: string, args: readonly string[], input?: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', input })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error ?? stderr}`)
  return stdout
}

/** Opens the browser's namespace, which lives as long as a process in it. Returns how commands are run there. */
async function openNetwork(): Promise<string[]> {
  const holder = spawn('unshare', ['--net', 'cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => holder.kill())
  // An echo shows that the program runs in its namespace.
  holder.stdin.write('\n')
  await once(holder.stdout, 'data')
  const there = ['nsenter', `--net=/proc/${holder.pid}/ns/net`]
  const [enter = '', ...args] = there
  run('ip', ['link', 'set', 'lo', 'up'])
  run('ip', ['link', 'add', 'wan', 'type', 'veth', 'peer', 'name', 'lan', 'netns', String(holder.pid)])
  run('ip', ['address', 'add', `${NODE}/24`, 'dev', 'wan'])
  run('ip', ['link', 'set', 'wan', 'up'])
  for (const line of [`address add ${BROWSER}/24 dev lan`, 'link set lo up', 'link set lan up'])
    run(enter, [...args, 'ip', ...line.split(' ')])
  run(enter, [...args, 'nft', '-f', '-'], RULES)
  return there
}

/** Chromium in the browser's namespace. */
async function browserThere(there: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'parley-firewall-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const program = join(folder, 'chromium')
  writeFileSync(program, `#!/bin/sh\nexec ${there.join(' ')} /usr/bin/chromium "$@"\n`)
  chmodSync(program, 0o755)
  const browser = await openChromiumBy(program, '--ignore-certificate-errors')
  t.after(() => browser.close())
  return browser
}

async function walk(): Promise<object> {
  const there = await openNetwork()
  const tls = selfSignedCertificate(Date.now(), [NODE])
  const server = await createServer({
    tls,
    http: { listen: `${NODE}:443`, endpoint: NODE, playground: true },
    media: { listen: NODE, announce: [NODE] },
    log: { level: 'silent' },
  })
  t.after(() => server.close())
  const backend = await createDemoBackend({ lvspUrl: server.lvspUrl, secret: server.secret, ca: tls.cert })
  t.after(() => backend.close())

  const { endpoint, token, ...ids } = await backend.join('72')
  const ben = new VoiceClient({
    endpoint,
    token,
    serverId: ids.server_id,
    channelId: ids.channel_id,
    userId: ids.user_id,
    sessionId: ids.session_id,
    tls: { ca: tls.cert },
  })
  t.after(() => ben.close())
  await ben.connect()
  const hearsAna = count(ben, '71')
  talk(t, ben)

  const browser = await browserThere(there)
  const tab = await Tab.open(browser, server.playgroundUrl!, 'ana')
  t.after(() => tab.close())
  const credentials = await backend.join('71')
  await tab.page.getByLabel('Credentials').fill(JSON.stringify(credentials))
  await tab.press('Join')
  await tab.says('Connected')
  await until('the browser’s voice at the bot', () => hearsAna() > 100)
  const heard = await untilFits(
    'the bot’s voice in the browser',
    () => tab.heard(),
    voices => [...voices.values()].some(energy => energy > AUDIBLE),
  )
  const transport = await tab.page.getByTestId('transport').innerText()
  const [enter = '', ...args] = there
  const counters = run(enter, [...args, 'nft', 'list', 'counters'])
  return {
    hearsAna: hearsAna(),
    voices: heard.size,
    transport,
    blocked: Number(/counter blocked_udp \{\s*packets (\d+)/.exec(counters)?.[1]),
    // Over the listener of TLS, too: the page, the WebSocket and the media.
    authenticated: server.inspect().sessions.map(({ userId, transport: kind }) => [userId, kind?.kind]),
  }
}

try {
  process.stdout.write(JSON.stringify(await walk()))
} finally {
  for (const clean of cleanups) await clean()
}
