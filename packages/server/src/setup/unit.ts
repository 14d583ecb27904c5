// The unit of systemd: deploy/systemd/parley.service, and what `parley setup` writes with the paths of this machine.

export interface UnitPaths {
  /** Program and arguments of the command `parley`. */
  readonly command: readonly string[]
  readonly config: string
  readonly user: string
}

/** Those of the documentation. */
export const DOCUMENTED_PATHS: UnitPaths = {
  command: ['/usr/bin/env', 'parley'],
  config: '/etc/parley/parley.toml',
  user: 'parley',
}

/** As systemd.service(5) quotes. */
const words = (list: readonly string[]) =>
  list
    .map(word => (/^[\w@:,./+=-]+$/.test(word) ? word : `"${word.replace(/[\\"]/g, '\\$&').replaceAll('%', '%%')}"`))
    .join(' ')

/** `header` are comment lines. */
export const unitText = ({ command, config, user }: UnitPaths, header: string): string => `${header}[Unit]
Description=Parley voice server
Documentation=https://github.com/parley-voice/parley
Wants=network-online.target
After=network-online.target

[Service]
# The node says when its ports are open, when it reloads, and that its event loop runs.
Type=notify
NotifyAccess=main
WatchdogSec=30
ExecStartPre=${words([...command, 'check-config', '--config', config])}
ExecStart=${words([...command, 'serve', '--config', config])}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
# 2: the configuration is invalid, and would be at the next start.
RestartPreventExitStatus=2
# Above voice.drain_timeout.
TimeoutStopSec=60
User=${user}
# /run/parley, for admin.socket. It stays when the unit stops, because a successor (--take-over) has its socket there.
RuntimeDirectory=parley
RuntimeDirectoryMode=0750
RuntimeDirectoryPreserve=yes
${config.startsWith('/etc/parley/') ? 'ConfigurationDirectory=parley\nConfigurationDirectoryMode=0755\n' : ''}# /var/lib/parley, for acme.storage.
StateDirectory=parley
StateDirectoryMode=0700
LimitNOFILE=65536
# For ports below 1024, such as 443.
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
# Not MemoryDenyWriteExecute: the compiler of Node.js needs such memory.
LockPersonality=true
NoNewPrivileges=true
PrivateDevices=true
PrivateTmp=true
ProtectClock=true
ProtectControlGroups=true
ProtectHome=true
ProtectHostname=true
ProtectKernelLogs=true
ProtectKernelModules=true
ProtectKernelTunables=true
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=true
# AF_NETLINK: the list of network interfaces.
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=true
RestrictRealtime=true
RestrictSUIDSGID=true
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
UMask=0077

[Install]
WantedBy=multi-user.target
`
