// Lines: how many run at once, in which order, and that nothing remains.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lines } from './lines.ts'

test('two of one key run at once, the others in order; other keys do not wait', async () => {
  const lines = new Lines(2)
  const began: string[] = []
  const release = new Map<string, () => void>()
  const work = (key: string, name: string) =>
    lines.run(key, () => {
      began.push(name)
      return new Promise<void>(resolve => release.set(name, resolve))
    })
  const all = [work('a', 'a1'), work('a', 'a2'), work('a', 'a3'), work('a', 'a4'), work('b', 'b1')]
  await Promise.resolve()
  assert.deepEqual(began, ['a1', 'a2', 'b1'])
  release.get('a2')!()
  await all[1]
  await Promise.resolve()
  assert.deepEqual(began, ['a1', 'a2', 'b1', 'a3'])
  release.get('a1')!()
  await all[0]
  for (const name of ['a3', 'b1']) release.get(name)!()
  await all[2]
  await Promise.resolve()
  release.get('a4')!()
  await Promise.all(all)
  assert.equal(lines.size, 0)
})

test('work that fails passes its place on', async () => {
  const lines = new Lines(1)
  const failed = lines.run('a', async () => {
    throw new Error('expected')
  })
  const next = lines.run('a', async () => 'done')
  await assert.rejects(failed, /expected/)
  assert.equal(await next, 'done')
  assert.equal(lines.size, 0)
})
