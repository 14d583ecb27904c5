// What is left to do after `parley setup`: firewall, start, the backend's configuration, the check.
import { dirname, join } from 'node:path'
import { hostAndPort } from '../net/address.ts'
import type { Answers } from './answers.ts'
import { FORWARDED_CHALLENGES, MEDIA_PORT, type Placement } from './config-text.ts'
import type { Surroundings } from './surroundings.ts'

export interface Written {
  readonly config: string
  readonly secret: string
  readonly unit: string
  /** Whether the unit is where systemd looks for it. */
  readonly isInstalled: boolean
}

export function nextSteps(answers: Answers, machine: Surroundings, placement: Placement, written: Written): string {
  const steps = [
    ...hiddenFolders(machine, written),
    firewall(machine, placement),
    ...challenge(machine, placement),
    start(written, machine),
    backend(answers, machine, placement, written),
    check(answers, machine, placement, written),
  ]
  return steps
    .map((lines, index) => lines.map((line, at) => (at === 0 ? `${index + 1}. ${line}` : `   ${line}`)).join('\n'))
    .join('\n')
}

/** The unit has `ProtectHome=true`: a program there does not start. */
const HIDDEN = /^\/(home|root|run\/user)\//

function hiddenFolders({ command }: Surroundings, { isInstalled }: Written): string[][] {
  const hidden = command.filter(path => HIDDEN.test(path))
  if (!isInstalled || hidden.length === 0) return []
  return [
    [
      'Install Node.js and Parley outside of /home and /root, which the service cannot see, and run this command again. Found there:',
      ...hidden,
    ],
  ]
}

/** How the operator runs `parley`: in a checkout it is not a command of the system. */
const parley = ({ command }: Surroundings) =>
  command.some(path => path.includes('/node_modules/')) ? 'parley' : command.join(' ')

function firewall({ lanes, usedPorts }: Surroundings, { port, lvspPort, certificate }: Placement): string[] {
  const isOwnChallenge = certificate.kind === 'acme' && port !== 443 && !usedPorts.includes(80)
  const tcp = [port, ...(lvspPort === undefined ? [] : [lvspPort]), ...(isOwnChallenge ? [80] : [])]
  // One for each lane, and as many for a successor that takes over.
  const udp = `${MEDIA_PORT}:${MEDIA_PORT + 2 * lanes - 1}`
  return [
    `Open in the firewall, and forward if this machine is behind NAT: TCP ${tcp.join(', ')} and UDP ${udp.replace(':', '-')}`,
    `with ufw:  ${tcp.map(each => `ufw allow ${each}/tcp`).join(' && ')} && ufw allow ${udp}/udp`,
  ]
}

/** Where another program has port 80. */
function challenge({ usedPorts }: Surroundings, { port, certificate }: Placement): string[][] {
  if (certificate.kind !== 'acme' || port === 443 || !usedPorts.includes(80)) return []
  return [
    [
      'Ports 443 and 80 are in use. Let the web server on port 80 forward the requests of the certificate authority, with nginx:',
      `location /.well-known/acme-challenge/ { proxy_pass http://${FORWARDED_CHALLENGES}; }`,
    ],
  ]
}

function start({ unit, config, isInstalled }: Written, { command }: Surroundings): string[] {
  if (isInstalled) return ['Start the node:', 'systemctl daemon-reload && systemctl enable --now parley']
  return [
    'Start the node:',
    `${command.join(' ')} serve --config ${config}`,
    `or as a service of systemd, with the unit ${unit}`,
  ]
}

function backend(
  { host, backend }: Answers,
  machine: Surroundings,
  { port, lvspPort }: Placement,
  written: Written,
): string[] {
  const { secret } = written
  const endpoint = hostAndPort(host, port)
  switch (backend) {
    case 'spacebar':
      return [
        'Spacebar: set its region, and run the bridge as the user of Spacebar, with a copy of the secret (docs/spacebar.md)',
        `{"regions": {"default": "main", "available": [{"id": "main", "name": "Main", "endpoint": "${endpoint}"}]}}`,
        ...bridge(machine, written, endpoint),
      ]
    case 'litecord':
      return [
        'Litecord: its voice server and secret; docs/litecord.md lists what has to be changed in its code',
        `hostname of the voice server: ${hostAndPort(host, lvspPort ?? port)}`,
        `LVSP_SECRET: the contents of ${secret}`,
      ]
    case 'lvsp':
      return [
        'Your backend connects over LVSP (docs/lvsp.md) with this URL and secret:',
        `wss://${endpoint}/lvsp   and the contents of ${secret}`,
        `new LvspClient({ url: 'wss://${endpoint}/lvsp', secret })   // @parley/client`,
      ]
  }
}

/** Only the user of the node can read the secret that was written. */
function bridge(machine: Surroundings, { secret, isInstalled }: Written, endpoint: string): string[] {
  const copy = isInstalled ? join(dirname(secret), 'bridge.secret') : secret
  const options = [
    '--bus unix:/run/spacebar --database postgres://parley:PASSWORD@localhost/spacebar',
    `--lvsp wss://${endpoint}/lvsp --endpoint ${endpoint} --secret-file ${copy}`,
  ]
  return [
    ...(isInstalled ? [`sudo install -o spacebar -g spacebar -m 600 ${secret} ${copy}`] : []),
    `${parley(machine)} bridge spacebar ${options.join(' ')}`,
  ]
}

function check({ host }: Answers, machine: Surroundings, { port }: Placement, { config }: Written): string[] {
  return [
    'Check the node here, and from another machine:',
    `${parley(machine)} doctor --config ${config}`,
    `parley doctor --from ${hostAndPort(host, port)}`,
  ]
}
