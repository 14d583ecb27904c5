// Placement of new channels.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Placement } from './placement.ts'

const node = (name: string, health: number, region = 'eu') => ({ name, health, region })

test('the healthiest node of the region is chosen', () => {
  const nodes = [node('a', 0.5), node('b', 0.9), node('c', 1, 'us')]
  assert.equal(new Placement().choose(nodes, 'eu'), 'b')
  assert.equal(new Placement().choose(nodes, 'us'), 'c')
  assert.equal(new Placement().choose(nodes, undefined), 'c')
})

test('without a node in the region another region is used, and a node with health 0 never', () => {
  assert.equal(new Placement().choose([node('a', 0), node('c', 0.1, 'us')], 'eu'), 'c')
  assert.equal(new Placement().choose([node('a', 0)], 'eu'), undefined)
  assert.equal(new Placement().choose([], 'eu'), undefined)
})

test('a slightly healthier node does not replace the current one, a clearly healthier one does', () => {
  const placement = new Placement()
  assert.equal(placement.choose([node('a', 0.8), node('b', 0.7)], 'eu'), 'a')
  assert.equal(placement.choose([node('a', 0.7), node('b', 0.79)], 'eu'), 'a')
  assert.equal(placement.choose([node('a', 0.65), node('b', 0.79)], 'eu'), 'b')
  assert.equal(placement.choose([node('a', 0.85), node('b', 0.79)], 'eu'), 'b')
})

test('a node that is gone is no longer the current one', () => {
  const placement = new Placement()
  placement.choose([node('a', 0.8), node('b', 0.7)], 'eu')
  assert.equal(placement.choose([node('b', 0.7)], 'eu'), 'b')
  assert.equal(placement.choose([node('a', 0.75), node('b', 0.7)], 'eu'), 'b')
})
