// discord.py and discord.js in a call through the bridge to Spacebar.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { discordPy, reasonToSkip } from './foreign-tools.ts'
import { numberedFrames, withoutSilence } from './opus-frames.ts'
import { SpacebarPythonBot } from './spacebar-python-bot.ts'
import { GUILD, SpacebarScene } from './spacebar-scene.ts'
import { until, untilFits } from './until.ts'

const tool = discordPy('--dave')

test('discord.py and discord.js hear each other encrypted, follow each other, and leave', {
  timeout: 300_000,
  skip: reasonToSkip(tool),
}, async t => {
  assert.ok('command' in tool)
  const scene = await SpacebarScene.open(t)
  const py: SpacebarPythonBot = new SpacebarPythonBot(tool.command, {
    userId: '2001',
    sessionId: 'SESSION2001',
    sendVoiceState: (guildId, channelId) => void scene.spacebar.voiceState(py, guildId, channelId),
  })
  t.after(() => py.end())
  const js = scene.bot('2002')
  await py.join(GUILD, '500', ['500', '501'])
  await js.join(GUILD, '500')
  js.connection.setSpeaking(true)
  js.listenTo(py.userId)
  const heardByJs = () => withoutSilence(js.heard.get(py.userId) ?? [])
  const heardByPy = () => withoutSilence(py.heardOf(js.userId))

  const talk = async (first: number) => {
    await until('equal privacy codes', () => js.privacyCode !== undefined)
    await untilEqual(py, () => js.privacyCode)
    await until('each to know the SSRC of the other', () => py.knows(js.userId) && js.knows(py.userId))
    const [byPy, byJs] = [numberedFrames(20, first), numberedFrames(20, first + 1)]
    const [before, beforePy] = [heardByJs().length, heardByPy().length]
    await Promise.all([py.play(byPy), js.play(byJs)])
    await until('the last frame of discord.py', () => heardByJs().length >= before + byPy.length)
    assert.deepEqual(heardByJs().slice(before), withoutSilence(byPy))
    await until('the last frame of discord.js', () => heardByPy().length >= beforePy + byJs.length)
    assert.deepEqual(heardByPy().slice(beforePy), withoutSilence(byJs))
  }
  await talk(1)

  // One after the other: discord-ext-voice-recv blocks if a member leaves while its reader stops.
  await scene.spacebar.join(js, GUILD, '501')
  await js.ready()
  await py.move('501')
  await talk(3)

  await py.leave()
  await scene.node.node.says(/"channel":"501","user":"2001".*"voice\.disconnected"/)
})

/** discord.py is asked again until it has the code. */
async function untilEqual(py: SpacebarPythonBot, code: () => string | undefined): Promise<void> {
  await untilFits(
    'the privacy code of discord.py',
    () => py.privacyCode(),
    found => found === code(),
  )
}
