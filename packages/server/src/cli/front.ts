// `parley front`: serves backends with the nodes of a cluster, in the foreground until a signal.
import type { Command } from 'commander'
import type { FrontApp } from '../cluster/front/front-app.ts'
import { ConfigError } from '../config/config-error.ts'
import { type ConfigOptions, configFrom, runCommand, withConfigOptions } from './config-options.ts'

const HELP = `
Examples:
  $ parley front --config /etc/parley/front.toml
  $ parley front --set cluster.nats=nats://10.0.0.1:4222,nats://10.0.0.2:4222 --set cluster.id=front-1

Backends connect to it as to a node, at http.listen. It has the same [[backend]] sections as the nodes.
Calls continue when it stops; backends connect to another front.

Signals:
  SIGTERM, SIGINT  stop
  SIGHUP           read the certificate files again; other settings need a restart

Exit codes: 0 stopped, 1 a port could not be opened, 2 the configuration is invalid.`

/** Adds the subcommand to the program. */
export function register(program: Command): void {
  withConfigOptions(program.command('front'))
    .description('serve backends with the nodes of a cluster')
    .addHelpText('after', HELP)
    .action((options: ConfigOptions) => runCommand(() => serve(options)))
}

async function serve(options: ConfigOptions): Promise<void> {
  // Before anything else: by default SIGHUP ends a process. Until the start the certificate is not read yet.
  let started: FrontApp | undefined
  process.on('SIGHUP', () => started?.reload())
  const config = configFrom(options)
  if (config.cluster.nats.length === 0)
    throw new ConfigError('cluster.nats: expected the NATS servers of the cluster, found none')
  const { openCoordinator } = await import('../cluster/open-coordinator.ts')
  const { FrontApp } = await import('../cluster/front/front-app.ts')
  const front = await FrontApp.start(config, openCoordinator(config.cluster))
  started = front
  const stop = async () => {
    await front.close()
    process.exit()
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}
