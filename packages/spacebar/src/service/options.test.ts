import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BridgeSettingsError, checkSettings } from './options.ts'

const NODE = { lvsp: 'wss://a/lvsp', endpoint: 'a:1', secret: 'secret' }

test('a setting that is missing or wrong is reported with what was expected and found, and without its value', () => {
  const refused = (input: unknown, message: string) =>
    assert.throws(() => checkSettings(input), new BridgeSettingsError(message))
  refused({ node: [NODE] }, 'bus: expected unix:/folder or amqp://host, found nothing')
  refused({ bus: '', node: [NODE] }, 'bus: expected unix:/folder or amqp://host, found an empty text')
  refused({ bus: 5, node: [NODE] }, 'bus: expected unix:/folder or amqp://host, found a number')
  const { lvsp: _, ...withoutUrl } = NODE
  refused(
    { bus: 'unix:/a', node: [withoutUrl] },
    'node.0.lvsp: expected the URL of LVSP, such as wss://voice.example:8443/lvsp, found nothing',
  )
  refused({ bus: 'unix:/a', node: [] }, 'node: expected a node: lvsp, endpoint and secret_file, found none')
})
