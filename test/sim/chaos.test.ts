// A simulated hour of random commands to one node with a fixed seed; the fuzz ring runs other seeds.
import { test } from 'node:test'
import { surviveChaos } from './chaos.ts'

test('a node releases all state after an hour of random commands', () => surviveChaos(1))
