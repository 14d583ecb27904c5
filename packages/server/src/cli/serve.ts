// `parley serve`: runs a node in the foreground until a signal.
import type { Command } from 'commander'
import { App } from '../app.ts'
import type { AppOptions } from '../app-options.ts'
import type { Coordinator } from '../cluster/coordinator.ts'
import { NodeMember } from '../cluster/node-member.ts'
import { type Config, processEnvironment } from '../config/config.ts'
import { Service } from '../systemd/service.ts'
import { takeOver } from './admin/take-over.ts'
import { type ConfigOptions, configFrom, runCommand, withConfigOptions } from './config-options.ts'

const HELP = `
Examples:
  $ parley serve --config /etc/parley/parley.toml
  $ PARLEY_BACKEND_0_SECRET=… parley serve                        # loopback, for one backend
  $ parley serve -c parley.toml --set log.level=debug
  $ parley serve -c parley.toml --take-over                       # takes over from a running node, for an upgrade

Signals:
  SIGTERM, SIGINT  release the TCP ports, wait for calls to end (voice.drain_timeout), exit with 0;
                   a second signal stops at once, a third without closing anything
  SIGHUP           read configuration and certificate again; what needs a restart is logged, and open connections stay

Exit codes: 0 stopped, 1 a port could not be opened, 2 the configuration is invalid.`

interface ServeOptions extends ConfigOptions {
  takeOver?: boolean
}

/** Adds the subcommand to the program. */
export function register(program: Command): void {
  withConfigOptions(program.command('serve'))
    .description('run a voice node')
    .option(
      '--take-over',
      'take over from the node that runs with this configuration, if any; it exits when its last call ends',
    )
    .addHelpText('after', HELP)
    .action((options: ServeOptions) => runCommand(() => serve(options)))
}

/** Signals are counted: the first drains, the second stops, the third exits at once. */
async function serve(options: ServeOptions): Promise<void> {
  // Before anything else: by default SIGHUP ends a process. Until the start the certificate is not read yet.
  let app: App | undefined
  let signals = 0
  const { service, warning } = await Service.open(processEnvironment())
  const reload = () => {
    if (app === undefined) return
    service.reloading()
    app.reload()
    service.ready(app.endpoint)
  }
  process.on('SIGHUP', reload)
  if (warning !== undefined) process.stderr.write(`parley: ${warning}\n`)
  const load = () => configFrom(options)
  const config = load()
  const coordinator = await coordinatorOf(config)
  const relay = coordinator && (await relayOf(config, coordinator))
  const isSuccessor = options.takeOver === true
  if (isSuccessor) await takeOver(config)
  const started = await App.start(config, {
    reload: load,
    relay,
    isSuccessor,
    // Not within the request of the successor, which is answered first.
    handedOver: () => setImmediate(stop),
  })
  app = started
  service.ready(started.endpoint)
  const member = coordinator && new NodeMember(started, config, coordinator, relay?.boot)
  async function stop(): Promise<void> {
    signals++
    if (signals === 1) {
      service.stopping(started.drainTimeout)
      // A node of a cluster has no successor beside it, and clients of its calls may still resume.
      if (coordinator === undefined) started.releasePorts()
      const drained = started.drain()
      member?.update()
      await drained
    }
    if (signals > 2) process.exit(1)
    await Promise.all([started.close(), member?.leave()])
    service.close()
    process.exit()
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

/** Undefined without `cluster.nats`: the client of NATS is then not loaded. Throws a `ConfigError`. */
async function coordinatorOf({ cluster }: Config): Promise<Coordinator | undefined> {
  if (cluster.nats.length === 0) return undefined
  const { openCoordinator } = await import('../cluster/open-coordinator.ts')
  return openCoordinator(cluster)
}

/** Undefined without `cluster.secret_file`. Throws a `ConfigError`. */
async function relayOf(config: Config, coordinator: Coordinator): Promise<AppOptions['relay']> {
  if (config.cluster.secrets.length === 0) return undefined
  const { watchedRelay } = await import('../cluster/relay-setup.ts')
  return watchedRelay(config, coordinator)
}
