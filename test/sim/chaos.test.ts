// A simulated hour of random commands at one node, under a fixed seed; the fuzz ring runs others.
import { test } from 'node:test'
import { surviveChaos } from './chaos.ts'

test('an hour of random commands leaves nothing behind', () => surviveChaos(1))
