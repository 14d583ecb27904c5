// The settings of `[cluster]`.
import { PROTOCOL_LIMITS } from '@parley/protocol'
import { z } from 'zod'
import { SERVER_LIMITS } from '../limits.ts'
import { Path, setting, WebSocketUrl } from './values.ts'

/** `host`, `host:port`, with `nats://` or `tls://` before it or not. */
const NATS_SERVER = /^(?:(?:nats|tls):\/\/)?(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?$/
const CLUSTER_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/
const clusterName = 'a name of letters, digits, - and _, at most 32 long'

export const Cluster = z.object({
  nats: setting(
    z.array(z.string().max(PROTOCOL_LIMITS.endpoint).regex(NATS_SERVER)).max(SERVER_LIMITS.maxNatsServers).default([]),
    'a list of NATS servers such as ["nats://10.0.0.1:4222"]',
    'NATS servers with JetStream. With them the node is part of a cluster: it announces itself there, and `parley front` places channels on it. Empty: no cluster, and the NATS client is not loaded.',
  ),
  id: setting(
    z.string().regex(CLUSTER_NAME).optional(),
    clusterName,
    'Name of the node in the cluster, unique and the same after a restart. Required with `nats`.',
  ),
  region: setting(
    z.string().regex(CLUSTER_NAME).default('default'),
    clusterName,
    'Label of the node: channels with the property `region` are placed on a node of that region if there is one.',
  ),
  lvsp: setting(
    WebSocketUrl.optional(),
    'a ws: or wss: URL without credentials and fragment such as "wss://node1.internal:8443/lvsp"',
    'URL at which fronts reach the LVSP of this node. Default: its address on this machine.',
  ),
  gateway: setting(
    WebSocketUrl.optional(),
    'a ws: or wss: URL without credentials and fragment such as "wss://node1.internal:8443/"',
    'URL at which other processes of the cluster reach the voice gateway of this node, to relay clients that arrived there. Default: the host of `lvsp` if LVSP has no listener of its own, otherwise `http.endpoint`.',
  ),
  packets_per_second: setting(
    z.int().min(1).optional(),
    'a whole number above 0',
    'Outgoing media packets a second at which fronts count this node as full. Default: what its lanes measure at the start, where they run on the ffi engine.',
  ),
  secret_file: setting(
    Path.optional(),
    'the path of a file',
    `A file with the secret of the cluster on its first line (at least ${SERVER_LIMITS.minAdminToken} characters), and during a rotation the old one on its second. With it, voice clients that arrive at a process that is not theirs are relayed to their node.`,
  ),
  prefix: setting(
    z.string().regex(CLUSTER_NAME).default('parley'),
    clusterName,
    'Begins the names of buckets and subjects in NATS: clusters with different prefixes share one NATS.',
  ),
  replicas: setting(
    z.union([z.literal(1), z.literal(3), z.literal(5)]).default(1),
    '1, 3 or 5',
    'Copies of each bucket. 3 with three or more NATS servers.',
  ),
  nats_credentials: setting(
    Path.optional(),
    'the path of a file',
    'NATS credentials of this process: a `.creds` file, or a file with the seed of an NKey (`SU…`).',
  ),
  nats_ca: setting(
    Path.optional(),
    'the path of a PEM file',
    'Certificate authorities of the NATS servers; TLS is then required. Without it the servers decide, and those of the system are used.',
  ),
  ca: setting(
    Path.optional(),
    'the path of a PEM file',
    'CA certificates with which a front verifies the nodes. Default: those of the system.',
  ),
})
