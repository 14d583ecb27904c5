// The relay of a process, from its configuration and the nodes that its coordinator knows.
import type { Config } from '../config/config.ts'
import { nodeCrypto } from '../crypto.ts'
import { serverNote } from '../monitoring/notes.ts'
import { readPem } from '../net/tls.ts'
import { Hops, newRun } from '../relay/hop.ts'
import { Owners } from '../relay/owners.ts'
import { Relay, type RelayNode, type RelaySetup } from '../relay/relay.ts'
import { namingOwner } from '../relay/token-owner.ts'
import type { Coordinator } from './coordinator.ts'
import { usableRecords } from './usable-records.ts'

/** The caller tells `owners` which nodes there are. Throws a `ConfigError` if a file cannot be read. */
export function relayFor(config: Config, coordinator: Coordinator) {
  const { id: self = '', secrets, ca } = config.cluster
  const boot = newRun()
  const owners = new Owners({ self, ask: question => coordinator.ask(question) })
  const options = {
    owners,
    hops: new Hops({ id: self, boot }, secrets),
    ca: ca === undefined ? undefined : readPem('cluster.ca', ca),
  }
  return { owners, boot, open: (node: RelayNode) => new Relay({ ...options, ...node }) }
}

/** For a node, which watches the others for its relay only. */
export function watchedRelay(config: Config, coordinator: Coordinator): RelaySetup {
  const { owners, boot, open } = relayFor(config, coordinator)
  let note: RelayNode['note'] = () => {}
  coordinator.watch(
    usableRecords({
      nodeAnnounced: record => owners.announced(record),
      nodeWithdrawn: id => owners.withdrawn(id),
      loadReported: () => {},
      availabilityChanged: () => {},
      malformed: reason => note(serverNote('cluster.malformed', { reason })),
    }),
  )
  return {
    crypto: namingOwner(nodeCrypto, config.cluster.id ?? ''),
    boot,
    open(node) {
      note = node.note
      return open(node)
    },
  }
}
