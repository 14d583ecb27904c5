// The subcommands of `parley` by name. A module is loaded when its command runs: to load all of them takes longer than most need.
import type { Command } from 'commander'

/** A subcommand adds itself to the program. */
interface CommandModule {
  register(program: Command): void
}

interface Subcommand {
  /** Names that the module registers. */
  readonly names: readonly string[]
  load(): Promise<CommandModule>
}

/** Of the commands that talk to a running node; a test compares them with what is registered. */
const ADMIN = [
  ...['ps', 'channels', 'users', 'alarms', 'inspect', 'stats', 'top', 'tail'],
  ...['mute', 'kick', 'bans', 'ban', 'unban', 'drain', 'undrain', 'reload', 'log-level', 'cluster'],
]

/** In the order of `parley --help`. */
export const SUBCOMMANDS: readonly Subcommand[] = [
  { names: ['demo'], load: () => import('./demo.ts') },
  { names: ['dev'], load: () => import('./dev/dev.ts') },
  { names: ['trace'], load: () => import('./dev/trace.ts') },
  { names: ['conformance'], load: () => import('./dev/conformance.ts') },
  { names: ['setup'], load: () => import('./setup.ts') },
  { names: ['serve'], load: () => import('./serve.ts') },
  { names: ['front'], load: () => import('./front.ts') },
  { names: ['talk'], load: () => import('./talk.ts') },
  { names: ['bridge'], load: () => import('./bridge/bridge.ts') },
  { names: ['check-config'], load: () => import('./check-config.ts') },
  { names: ['doctor'], load: () => import('./admin/doctor.ts') },
  { names: ADMIN, load: () => import('./admin/register.ts') },
]

/** The modules that these arguments need: one, none for the version, and all for help and unknown names. */
export function modulesFor([first = '']: readonly string[]): Promise<CommandModule[]> {
  if (first === '-V' || first === '--version') return Promise.resolve([])
  const named = SUBCOMMANDS.filter(({ names }) => names.includes(first))
  return Promise.all((named.length > 0 ? named : SUBCOMMANDS).map(({ load }) => load()))
}
