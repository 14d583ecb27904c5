// The conformance drivers of released libraries: how each is started, and its versions.

import { fileURLToPath } from 'node:url'
import { CLIENTS, type LibraryClient } from './clients.ts'
import { nodeLibrary, pythonClient, type Tool } from './foreign-tools.ts'

export interface LibraryDriver {
  name: string
  /** Installs it if it is missing. */
  tool(): Tool
  /** Run by `npm run matrix` only. */
  isSlow?: boolean
  /** What the library needs of its test server. */
  server?: LibraryClient['server']
}

const driver = (name: string) => fileURLToPath(new URL(`drivers/${name}`, import.meta.url))

function withLibrary(folder: string, packages: readonly string[], script: string, ...args: string[]): Tool {
  const library = nodeLibrary(folder, packages)
  return 'missing' in library ? library : { command: [process.execPath, driver(script), library.folder, ...args] }
}

export const DRIVERS: readonly LibraryDriver[] = [
  {
    name: 'discord.js 14.28.1, @discordjs/voice 0.19.2',
    tool: () => ({ command: [process.execPath, driver('discordjs.mjs')] }),
  },
  {
    name: 'oceanic.js 1.15.0',
    tool: () =>
      withLibrary('oceanic', ['oceanic.js@1.15.0', '@discordjs/voice@0.19.2', '@snazzah/davey@0.1.12'], 'oceanic.mjs'),
  },
  {
    name: 'Dysnomia 0.2.4',
    tool: () =>
      withLibrary(
        'dysnomia',
        ['@projectdysnomia/dysnomia@0.2.4', '@snazzah/davey@0.1.12'],
        'dysnomia.mjs',
        '@projectdysnomia/dysnomia',
      ),
  },
  { name: 'discord.py 2.7.1', tool: () => pythonClient('discord-py', 'discord.py') },
  { name: 'Pycord 2.8.1', tool: () => pythonClient('py-cord', 'pycord') },
  { name: 'disnake 2.12.2', tool: () => pythonClient('disnake', 'disnake') },
  ...CLIENTS.filter(({ hasVoice }) => hasVoice).map(({ version, ...client }) => ({ ...client, name: version })),
]
