// Tests of which node takes a new channel.
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

test('another region is better than none, and a node at 0 is none', () => {
  assert.equal(new Placement().choose([node('a', 0), node('c', 0.1, 'us')], 'eu'), 'c')
  assert.equal(new Placement().choose([node('a', 0)], 'eu'), undefined)
  assert.equal(new Placement().choose([], 'eu'), undefined)
})

test('a little more health makes nobody change, much more does', () => {
  const placement = new Placement()
  assert.equal(placement.choose([node('a', 0.8), node('b', 0.7)], 'eu'), 'a')
  assert.equal(placement.choose([node('a', 0.7), node('b', 0.79)], 'eu'), 'a')
  assert.equal(placement.choose([node('a', 0.65), node('b', 0.79)], 'eu'), 'b')
  assert.equal(placement.choose([node('a', 0.85), node('b', 0.79)], 'eu'), 'b')
})

test('a favourite that is gone is forgotten', () => {
  const placement = new Placement()
  placement.choose([node('a', 0.8), node('b', 0.7)], 'eu')
  assert.equal(placement.choose([node('b', 0.7)], 'eu'), 'b')
  assert.equal(placement.choose([node('a', 0.75), node('b', 0.7)], 'eu'), 'b')
})
