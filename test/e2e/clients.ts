// Ordinary clients of libraries in other languages: how the driver of each is started, and what its test server needs.
import type { TestServerOptions } from '@parley/server'
import { goDriver, hikariDriver, javaDriver, serenityDriver, type Tool } from './foreign-tools.ts'

export interface LibraryClient {
  /** As in the table of docs/testing-your-bot.md. */
  name: string
  /** As in docs/matrix.md. */
  version: string
  /** Builds or installs the driver if it is missing. */
  tool(): Tool
  /** The file with the lines that point the library at a test server. */
  source: string
  /** False for a library without voice: its client joins, and connects to no voice endpoint. */
  hasVoice: boolean
  /** False if its voice connection ends where a moderator moves it (docs/found.md): its bot joins again. */
  followsMoves?: boolean
  /** Its build takes minutes: `npm run matrix` runs it, and CI does not. */
  isSlow?: boolean
  /** What it needs of its test server. */
  server?: Pick<TestServerOptions, 'voice' | 'voiceHost'> | undefined
}

export const CLIENTS: readonly LibraryClient[] = [
  {
    name: 'discordgo 0.29',
    version: 'discordgo 0.29.0 with legacy modes',
    tool: () => goDriver('discordgo'),
    source: 'drivers/go/discordgo/main.go',
    hasVoice: true,
    // It has no other mode than xsalsa20_poly1305.
    server: { voice: { legacy_modes: true } },
  },
  {
    name: 'disgo 0.19',
    version: 'disgo 0.19.6',
    tool: () => goDriver('disgo'),
    source: 'drivers/go/disgo/main.go',
    hasVoice: true,
    followsMoves: false,
  },
  {
    name: 'hikari 2.7 with hikari-wave 0.7',
    version: 'hikari 2.7.0, hikari-wave 0.7.0a1',
    tool: hikariDriver,
    source: 'drivers/hikari-client.py',
    hasVoice: true,
    followsMoves: false,
  },
  {
    name: 'JDA 6.5',
    version: 'JDA 6.5.0',
    tool: () => javaDriver('Jda'),
    source: 'drivers/java/src/main/java/jda.java',
    hasVoice: true,
    // It does not connect to an endpoint that begins with a digit (docs/found.md).
    server: { voiceHost: 'localhost' },
  },
  {
    name: 'Discord4J 3.3',
    version: 'Discord4J 3.3.2',
    tool: () => javaDriver('Discord4j'),
    source: 'drivers/java/src/main/java/discord4j.java',
    hasVoice: true,
    followsMoves: false,
  },
  {
    name: 'serenity 0.12 with songbird 0.6',
    version: 'serenity 0.12.5, songbird 0.6.1',
    tool: serenityDriver,
    source: 'drivers/serenity/src/main.rs',
    hasVoice: true,
    isSlow: true,
  },
]
